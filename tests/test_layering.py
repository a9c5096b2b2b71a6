"""Rules of imports, checked on the syntax tree of every module.

fronts -> uses -> jobs -> mathematics -> materials -> base: a module imports from its own package and from
layers below, never from another package of its layer. Only fronts print and exit.
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
    ("errors",),  # of the base, too, and imported by all
)
DEPTH = {package: depth for depth, packages in enumerate(LAYERS) for package in packages}
FRONTS = ("cli", "app")
OPTIONAL = {
    "av", "cv2", "gradio", "matplotlib", "onnx", "onnxruntime", "onnxscript", "openvino", "pillow_heif",
    "pyvips", "rawpy", "ray", "tensorboard", "tifffile",
}  # fmt: skip
PRINTING = {"typer", "rich", "click", "argparse"}
EXITS = {"print", "exit", "quit", "sys.exit", "os._exit"}
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
HOMES = {"gradio": Path("app/page")}  # libraries that a package imports, instead of one file
UNBOUND = {Path("__init__.py"), Path("__main__.py")}  # public names, and the entry point


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names of all imports, `from a import b` as a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package_of(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


def violations(path: Path, source: str) -> list[str]:
    """List the rules that a module, at a path below impasto, breaks."""
    tree, package = ast.parse(source), package_of(path)
    names = list(imported(tree))
    found = []
    for name in names:
        first, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if first == "impasto" and target != package and DEPTH[target] <= DEPTH[package]:
            found.append(f"{package} imports {target}")
    if package not in FRONTS:
        found += [f"imports {name}" for name in names if name.partition(".")[0] in PRINTING]
        calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        found += [f"calls {call}" for call in calls if call in EXITS]
    at_top = {
        name.partition(".")[0]
        for node in tree.body
        for name in imported(ast.Module([node], []))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    at_home = {library for library, home in HOMES.items() if home in path.parents}
    return found + [f"imports {name} for everyone" for name in (at_top & OPTIONAL) - at_home]


@pytest.mark.parametrize("path", [path for path in MODULES if path not in UNBOUND], ids=str)
def test_module_keeps_to_its_layer(path: Path) -> None:
    assert package_of(path) in DEPTH, "a new package needs a place in LAYERS"
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
    """The file that imports a library, or the package that it is left to."""
    home = HOMES.get(library)
    return home if home and home in path.parents else path


def test_the_root_imports_nothing_before_it_is_asked() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    eager = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {name.partition(".")[0] for node in eager for name in imported(node)} <= {"importlib", "typing"}


def cycles(imports: dict[str, set[str]]) -> set[str]:
    """Modules that import themselves through others, and those that import such modules."""
    left = dict(imports)
    while free := [name for name, used in left.items() if not used & left.keys()]:
        for name in free:
            del left[name]
    return set(left)


def test_no_module_imports_itself_through_others() -> None:
    """Imports within functions count, and those that only types need."""
    names = {path: ".".join(("impasto", *path.with_suffix("").parts)) for path in MODULES}
    names = {path: name.removesuffix(".__init__") for path, name in names.items()}
    imports = {}
    for path, own in names.items():
        used = imported(ast.parse((PACKAGE / path).read_text()))
        imports[own] = {_module(name, set(names.values())) for name in used} - {own}
    assert cycles(imports) == set()


def _module(name: str, modules: set[str]) -> str:
    """The module that a dotted name is, or is defined in."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def test_cycles_are_caught() -> None:
    assert cycles({"a": {"b"}, "b": {"c", "os"}, "c": {"b"}, "d": set()}) == {"a", "b", "c"}


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
