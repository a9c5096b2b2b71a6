"""The wheel in an environment of its own, without extras: what a user has after `pip install impasto`."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.utils import canonicalize_name
from PIL import Image

import impasto
from docs.generators.licences import FOR_DEVELOPERS
from tests.clips import pan, write_clip
from tests.packaging.conftest import ROOT, Built, Installed, closure

# by extra, commands that need it
NEEDS = {
    "app": ["app"],
    "cluster": ["stylize holiday -o painted --style starry-night --cluster ray://nowhere:10001"],
    "evaluate": ["evaluate --photos holiday --styles styles --results painted --size 64"],
    "export": ["export starry-night -o model.onnx"],
    "fast": [
        "stylize photo.png -o a.png --style starry-night --runtime openvino",
        "stylize photo.png -o a.png --style starry-night --runtime onnxruntime",
    ],
    "heic": ["stylize phone.heic -o a.png --style starry-night"],
    "huge": ["stylize huge.png -o a.tif --style starry-night"],
    "raw": ["stylize camera.dng -o a.png --style starry-night"],
    "train": ["train photo.png -o a.safetensors --steps 1 --size 32 --tensorboard"],
    "video": [
        "video clip.mp4 a.mp4 --style starry-night",
        "webcam --style starry-night --no-window --record a.mp4",
        "paint photo.png photo.png -o a.png --animate a.mp4",
    ],
}
DOES_WITHOUT = {"evaluate"}  # which does what it can, and tells what is left out
CALL = """
import json, sys
from typer.testing import CliRunner
from impasto.cli import app
answers = {}
for command in sys.argv[1:]:
    result = CliRunner().invoke(app, command.split())
    answers[command] = result.exit_code, result.output
print(json.dumps(answers))
"""
USER = """
from pathlib import Path

import impasto
from impasto import ImpastoError, PaintOptions, Step


def watch(step: Step) -> None:
    print(f"{step.done:.0%}", step.losses)


def paint(photo: Path, style: str) -> tuple[int, int]:
    options = PaintOptions(size=64, iterations=2, keep_color="luminance")
    try:
        picture = impasto.load("starry-night", strength=0.8)(photo)
    except ImpastoError as error:
        raise SystemExit(str(error)) from error
    picture.save("a.png")
    return picture.size


version: str = impasto.__version__
"""
SETTINGS = "[mypy]\n[mypy-torch.*]\nfollow_imports = skip\n"  # to check PyTorch, too, would take a minute
WRONG = '\nimpasto.PaintOptions(size="large")\nimpasto.load(3)\nimpasto.nothing\n'


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the commands name."""
    folder = tmp_path_factory.mktemp("desk")
    with Image.open(ROOT / "examples/pictures/summer-palace.jpg") as photo:
        small = photo.resize((96, 64))
    for name in ("photo.png", "holiday/one.png", "styles/one.png", "painted/one_one.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        small.save(folder / name)
    write_clip(folder / "clip.mp4", pan(3))
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)  # more pixels than are decoded at once
    chunks = [_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(bytes(99)))]
    (folder / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    (folder / "camera.dng").write_bytes(b"FUJIFILMCCD-RAW" + bytes(64))
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    return folder


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.fixture(scope="session")
def answers(installed: Installed, desk: Path) -> dict[str, tuple[int, str]]:
    """Exit codes and what is said, by the command; all in one process, as PyTorch takes seconds to load."""
    commands = [command for many in NEEDS.values() for command in many]
    done = installed.run("python", "-c", CALL, *commands, cwd=desk, COLUMNS="300")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, tuple[int, str]] = json.loads(done.stdout)
    assert found.keys() == {*commands}
    return found


def test_nothing_but_what_it_needs_is_there(installed: Installed, desk: Path) -> None:
    code = "from importlib import metadata; print(*(one.name for one in metadata.distributions()))"
    names = installed.run("python", "-I", "-c", code, cwd=desk).stdout.split()
    found = {canonicalize_name(name) for name in names}
    assert found == {"impasto", *closure("impasto")}
    assert {"torch", "typer"} <= found
    assert not {"gradio", "av", "pytest", "onnx"} & found


def test_what_it_needs_is_complete(installed: Installed) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(installed.python), "check"]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_version_and_styles(installed: Installed, desk: Path) -> None:
    assert installed.run("impasto", "--version", cwd=desk).stdout == f"impasto {impasto.__version__}\n"
    table = installed.run("impasto", "styles", cwd=desk, COLUMNS="200").stdout
    assert "starry-night" in table and "Vincent van Gogh" in table


def test_it_is_the_wheel_that_runs(installed: Installed, desk: Path) -> None:
    found = installed.run("python", "-c", "import impasto; print(impasto.__file__)", cwd=desk).stdout.strip()
    assert Path(found).is_relative_to(installed.folder)


def test_an_example_photo_is_stylized(installed: Installed, desk: Path) -> None:
    photo = ROOT / "examples/pictures/summer-palace.jpg"
    done = installed.run("impasto", "stylize", photo, "-o", "palace.jpg", "--style", "great-wave", cwd=desk)
    assert done.returncode == 0, done.stderr
    with Image.open(photo) as before, Image.open(desk / "palace.jpg") as after:
        assert after.size == before.size
        one, other = (image.convert("L").resize((8, 8)).tobytes() for image in (before, after))
    assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 10, "it is still the photo"


def test_every_extra_has_a_command_that_needs_it(built: Built) -> None:
    with ZipFile(built.wheel) as wheel:
        about = wheel.read(f"impasto-{impasto.__version__}.dist-info/METADATA").decode()
    extras = set(re.findall(r"^Provides-Extra: (\S+)$", about, re.MULTILINE))
    assert extras.difference(FOR_DEVELOPERS) == NEEDS.keys(), "say in NEEDS which command needs the new extra"


@pytest.mark.parametrize(
    ("extra", "command"), [(extra, command) for extra, many in NEEDS.items() for command in many]
)
def test_a_missing_extra_is_named(answers: dict[str, tuple[int, str]], extra: str, command: str) -> None:
    code, said = answers[command]
    assert "Traceback" not in said and "should not happen" not in said
    advice = rf"needs [\w -]+: pip install 'impasto\[{extra}\]'"
    if extra in DOES_WITHOUT:
        assert re.search(rf"^note: .* {advice}; all other metrics are measured$", said, re.MULTILINE), said
    else:
        assert code == 1, said
        assert re.fullmatch(rf"error: .* {advice}", said.strip().splitlines()[-1]), said


def test_the_public_interface_is_typed(installed: Installed, desk: Path) -> None:
    """mypy --strict on a user's program, by the annotations of the wheel."""
    (desk / "user.py").write_text(USER, encoding="utf-8")
    (desk / "wrong.py").write_text(USER + WRONG, encoding="utf-8")
    (desk / "mypy.ini").write_text(SETTINGS, encoding="utf-8")
    words = ["-m", "mypy", "--strict", "--python-executable", str(installed.python)]
    check = [sys.executable, *words, "--config-file", "mypy.ini", "--cache-dir", str(desk / "cache")]
    done = subprocess.run([*check, "user.py", "wrong.py"], cwd=desk, capture_output=True, text=True)
    errors = re.findall(r"^(.*): error: ", done.stdout, re.MULTILINE)
    assert [re.sub(r":\d+", "", place) for place in errors] == ["wrong.py"] * 3, done.stdout + done.stderr
