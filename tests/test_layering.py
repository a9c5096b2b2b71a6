"""The arrows of the architecture, checked on the syntax tree of every module.

fronts -> uses -> jobs -> mathematics -> materials -> ground: a module imports from its own room and from the
layers below, never from a sibling. Only fronts talk to people.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import impasto

PACKAGE = Path(impasto.__file__).parent
LAYERS = (
    ("cli",),
    ("app",),
    ("diagnosis",),
    ("grading",),
    ("stylizing", "export", "evaluation"),
    ("painting", "training", "recipes", "styles"),
    ("encoding",),
    ("perception",),
    ("backbones", "networks", "losses"),
    ("imaging", "weights"),
    ("progress", "device", "options", "atomic_files", "safe_paths"),
    ("errors",),  # of the ground, too, and for all
)
DEPTH = {room: depth for depth, rooms in enumerate(LAYERS) for room in rooms}
FRONTS = ("cli", "app")
OPTIONAL = {
    "av", "cv2", "gradio", "matplotlib", "onnx", "onnxruntime", "onnxscript", "openvino", "pillow_heif",
    "pyvips", "rawpy", "ray", "tensorboard", "tifffile",
}  # fmt: skip
TALKATIVE = {"typer", "rich", "click", "argparse"}
EXITS = {"print", "exit", "quit", "sys.exit", "os._exit"}
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
HOUSES = {"gradio": Path("app/page")}  # libraries that have a room to themselves instead of one file
DOORS = {Path("__init__.py"), Path("__main__.py")}  # public names, and the entry point


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names of all imports, `from a import b` as a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


def violations(path: Path, source: str) -> list[str]:
    """What a module, at a path below the package, does against the rules."""
    tree, room = ast.parse(source), room_of(path)
    names = list(imported(tree))
    found = []
    for name in names:
        first, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if first == "impasto" and target != room and DEPTH[target] <= DEPTH[room]:
            found.append(f"{room} imports {target}")
    if room not in FRONTS:
        found += [f"imports {name}" for name in names if name.partition(".")[0] in TALKATIVE]
        calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        found += [f"calls {call}" for call in calls if call in EXITS]
    at_top = {
        name.partition(".")[0]
        for node in tree.body
        for name in imported(ast.Module([node], []))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    housed = {library for library, house in HOUSES.items() if house in path.parents}
    return found + [f"imports {name} for everyone" for name in (at_top & OPTIONAL) - housed]


@pytest.mark.parametrize("path", [path for path in MODULES if path not in DOORS], ids=str)
def test_module_keeps_to_its_layer(path: Path) -> None:
    assert room_of(path) in DEPTH, "a new room needs a place in LAYERS"
    assert violations(path, (PACKAGE / path).read_text()) == []


def test_optional_libraries_have_one_user_each() -> None:
    users: dict[str, set[Path]] = {}
    for path in MODULES:
        for name in imported(ast.parse((PACKAGE / path).read_text())):
            if (library := name.partition(".")[0]) in OPTIONAL:
                users.setdefault(library, set()).add(_user(library, path))
    assert {library: paths for library, paths in users.items() if len(paths) > 1} == {}
    assert {"av", "pillow_heif"} <= users.keys()


def _user(library: str, path: Path) -> Path:
    """The file, or the room that the library has to itself."""
    house = HOUSES.get(library)
    return house if house and house in path.parents else path


def test_the_root_imports_nothing_before_it_is_asked() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    eager = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {name.partition(".")[0] for node in eager for name in imported(node)} <= {"importlib", "typing"}


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("painting/x.py", "from impasto.cli.display import say", ["painting imports cli"]),
        ("painting/x.py", "from impasto import recipes", ["painting imports recipes"]),
        ("backbones/x.py", "def f():\n    import impasto.losses", ["backbones imports losses"]),
        ("weights.py", "if x:\n    from impasto import imaging", ["weights imports imaging"]),
        ("losses.py", "from rich import text\nimport sys\nprint(1)\nsys.exit(2)",
         ["imports rich.text", "calls print", "calls sys.exit"]),
        ("imaging/x.py", "import av", ["imports av for everyone"]),
        ("imaging/x.py", "def f():\n    import av\nfrom impasto import errors, device", []),
        ("app/page/x.py", "import gradio", []),
        ("app/x.py", "import gradio", ["imports gradio for everyone"]),
        ("cli/x.py", "import rich\nfrom impasto.painting import paint\nprint(1)", []),
    ],
)  # fmt: skip
def test_violations_are_caught(path: str, source: str, expected: list[str]) -> None:
    assert violations(Path(path), source) == expected
