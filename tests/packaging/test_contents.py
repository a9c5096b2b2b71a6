"""What is in the wheel and the sdist: all that is needed, and nothing else."""

from __future__ import annotations

import re
import subprocess
import tarfile
from email.parser import HeaderParser
from fnmatch import fnmatch
from pathlib import Path
from zipfile import ZipFile

import pytest

import impasto
from tests.packaging.conftest import ROOT, Built, build

MOST_MEGABYTES = {"wheel": 30, "sdist": 60}  # where they are published, 100 is the limit for a file
# what lies beside the modules: by folder, which files
DATA = (
    "impasto/py.typed",
    "impasto/app/page/page.css",
    "impasto/app/page/page.js",
    "impasto/app/pictures/*.jpg",
    "impasto/app/pictures/README.md",
    "impasto/backbones/README.md",
    "impasto/backbones/compact.safetensors",
    "impasto/export/web/page/LICENCES.txt",
    "impasto/export/web/page/*.css",
    "impasto/export/web/page/*.html",
    "impasto/export/web/page/*.js",
    "impasto/networks/README.md",
    "impasto/networks/adaptive.safetensors",
    "impasto/networks/primed.safetensors",
    "impasto/styles/sample.jpg",
    "impasto/styles/cards/*.safetensors",
    "impasto/styles/pictures/*.jpg",
    "impasto/styles/pictures/README.md",
    "impasto/styles/textures/*.jpg",
    "impasto/styles/textures/README.md",
)
INFO = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "licenses/NOTICE")
JUNK = re.compile(
    r"__pycache__|\.pyc$|(^|/)\.(?!gitignore$)|\.(orig|rej|bak|swp|log|partial)$|~$|/out/|\.venv"
)


@pytest.fixture(scope="module")
def names(built: Built) -> list[str]:
    with ZipFile(built.wheel) as wheel:
        return wheel.namelist()


def sources() -> set[str]:
    """The package as it is here."""
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / "impasto").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_package_and_nothing_else(names: list[str]) -> None:
    info = {f"impasto-{impasto.__version__}.dist-info/{name}" for name in INFO}
    assert set(names) == sources() | info
    assert len(names) == len(set(names))


def test_every_file_of_the_wheel_is_meant_to_be_there(names: list[str]) -> None:
    data = [name for name in names if name.startswith("impasto/") and not name.endswith(".py")]
    assert [name for name in data if not any(_is(name, pattern) for pattern in DATA)] == []
    assert [pattern for pattern in DATA if not any(_is(name, pattern) for name in data)] == []
    modules = [name for name in names if name.endswith(".py")]
    assert len(modules) > 200
    assert [name for name in modules if not re.fullmatch(r"impasto/(\w+/)*\w+\.py", name)] == []
    assert [name for name in names if JUNK.search(name) or "test" in Path(name).stem] == [
        "impasto/diagnosis/selftest.py"
    ]


def _is(name: str, pattern: str) -> bool:
    return fnmatch(name, pattern) and name.count("/") == pattern.count("/")


def test_junk_is_known_as_such() -> None:
    for name in (
        "impasto/a.pyc",
        "impasto/.DS_Store",
        "impasto/__pycache__/a.py",
        "impasto/a.py.orig",
        "b/out/c",
    ):
        assert JUNK.search(name), name
    assert not _is("impasto/styles/cards/deep/a.safetensors", "impasto/styles/cards/*.safetensors")


def test_sizes(built: Built) -> None:
    sizes = {"wheel": built.wheel.stat().st_size / 1e6, "sdist": built.sdist.stat().st_size / 1e6}
    print({kind: f"{size:.1f} MB" for kind, size in sizes.items()})
    assert all(1 < sizes[kind] < most for kind, most in MOST_MEGABYTES.items())


def test_metadata(built: Built, names: list[str]) -> None:
    with ZipFile(built.wheel) as wheel:
        text = wheel.read(next(name for name in names if name.endswith("/METADATA"))).decode()
        wheel_tag = wheel.read(next(name for name in names if name.endswith("/WHEEL"))).decode()
    about = HeaderParser().parsestr(text)
    assert about["Name"] == "impasto" and about["Version"] == impasto.__version__
    assert about["License-Expression"] == "Apache-2.0"
    assert about["Requires-Python"] == ">=3.11"
    assert "Typing :: Typed" in about.get_all("Classifier", [])
    assert "Tag: py3-none-any" in wheel_tag
    constraint = (ROOT / "constraints.txt").read_text(encoding="utf-8").strip()
    assert re.fullmatch(r"torch==\d+\.\d+\.\d+", constraint)


def test_the_sdist_builds_the_same_wheel(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    build(source, tmp_path / "again", "--wheel")
    (again,) = (tmp_path / "again").glob("*.whl")
    assert again.name == built.wheel.name
    with ZipFile(built.wheel) as one, ZipFile(again) as other:
        record = next(name for name in one.namelist() if name.endswith("/RECORD"))
        assert other.namelist() == one.namelist()
        assert other.read(record) == one.read(record), "the files differ: RECORD has their hashes"


def test_the_sdist_holds_what_a_developer_needs(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = {
        "pyproject.toml", "Makefile", "constraints.txt", "SECURITY.md", "RELEASING.md", "README.md",
        "requirements/dev.lock", "tests/packaging/test_contents.py", "docs/licences.md", "mkdocs.yml",
        "examples/pictures/summer-palace.jpg",
    }  # fmt: skip
    assert wanted <= names
    assert [name for name in names if JUNK.search(f"/{name}")] == []


def test_only_what_git_knows_is_packed(built: Built) -> None:
    """A file that is ignored, or forgotten in the working tree, would not be in a clone's wheel."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "impasto"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("this is no clone")
    assert sources() <= set(listed.stdout.splitlines())
