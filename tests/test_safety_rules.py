"""What no module of the project does, checked on the syntax tree of each: run what a file says, unpack an
archive onto the disk, hand words to a shell, or fetch what it does not compare with a hash.

SECURITY.md rests on these rules. Names are followed through imports, so that `from torch import load as read`
hides nothing.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("impasto", "examples", "benchmarks", "docs", "requirements")
MODULES = sorted(path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
WEIGHTS = Path("impasto/weights.py")

# modules that run what they read, that read XML with its references, or that talk to the network
CODE = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "pickletools"}
XML = {"xml.etree", "xml.dom", "xml.sax.expatreader", "xml.parsers", "lxml"}
NETWORK = {"requests", "httpx", "aiohttp", "urllib3", "ftplib", "urllib.request", "http.client", "socket"}
BATCH = Path("impasto/stylizing/batch")
ALLOWED = {  # modules that may import one of these, and what for
    "urllib.request": {WEIGHTS},  # what comes is compared with its SHA-256
    "http.client": {WEIGHTS},
    # is a port free; is there a cluster where one is named; what this machine is called
    "socket": {Path("impasto/app/server.py"), BATCH / "ray_pool.py", BATCH / "workers.py"},
    "pickle": {
        BATCH / "workers.py",
        BATCH / "ray_pool.py",
    },  # between processes that the program itself started
}
CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.startfile", "pty.spawn",
    "subprocess.getoutput", "subprocess.getstatusoutput", "shutil.unpack_archive", "tempfile.mktemp",
    "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "runpy.run_path", "runpy.run_module",
    "pandas.read_pickle", "ssl._create_unverified_context", "hashlib.md5", "hashlib.sha1",
    "torch.hub.load", "torch.hub.load_state_dict_from_url", "torch.hub.download_url_to_file",
    "torch.package.PackageImporter", "torch.jit.load", "torch.serialization.add_safe_globals",
    "numpy.fromregex", "urllib.request.urlretrieve", "builtins.eval", "builtins.exec",
}  # fmt: skip
STARTS = ("os.exec", "os.spawn", "os.posix_spawn")
METHODS = {"extractall", "extract"}  # of archives: members are read from them instead
LOADERS = {WEIGHTS, Path("impasto/training/distributed.py")}  # the second of what its own processes send
# of what it has just made, to compare it
STRETCHED = {("impasto/export/graph.py", "calls torch.jit.load")}

Rule = Callable[[Path, str, ast.Call], str | None]


def aliases(tree: ast.AST) -> dict[str, str]:
    """What the names that imports give stand for, in full."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                found[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def dotted(node: ast.expr, known: dict[str, str]) -> str:
    """The full name of what is called; of a method, its name behind a point."""
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, known)}.{node.attr}"
    return ""


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def is_constant(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def forbidden(path: Path, name: str, call: ast.Call) -> str | None:
    return f"calls {name}" if name in CALLS or name.startswith(STARTS) else None


def loads(path: Path, name: str, call: ast.Call) -> str | None:
    """torch.load is called in one module, and for data only; numpy.load never takes pickled objects."""
    if name == "torch.load":
        if path not in LOADERS:
            return "calls torch.load, which weights.load_plain is for"
        if not is_constant(keyword(call, "weights_only"), True):
            return "calls torch.load without weights_only=True"
    pickled = keyword(call, "allow_pickle")
    if name.startswith("numpy.") and pickled is not None and not is_constant(pickled, False):
        return f"calls {name} with allow_pickle"
    return None


def shells(path: Path, name: str, call: ast.Call) -> str | None:
    if not name.startswith("subprocess."):
        return None
    shell = keyword(call, "shell")
    if shell is not None and not is_constant(shell, False):
        return f"calls {name} with a shell"
    words = call.args[0] if call.args else keyword(call, "args")
    is_text = isinstance(words, ast.JoinedStr) or (
        isinstance(words, ast.Constant) and isinstance(words.value, str)
    )
    return f"calls {name} with a text for a command" if is_text else None


def unpacks(path: Path, name: str, call: ast.Call) -> str | None:
    method = name.rpartition(".")[2]
    is_method = isinstance(call.func, ast.Attribute) and method in METHODS
    return f"unpacks an archive by {method}" if is_method else None


def trusts(path: Path, name: str, call: ast.Call) -> str | None:
    return f"calls {name} with verify=False" if is_constant(keyword(call, "verify"), False) else None


RULES: tuple[Rule, ...] = (forbidden, loads, shells, unpacks, trusts)


def imports(path: Path, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield from _wrong(path, name)


def _wrong(path: Path, name: str) -> Iterator[str]:
    def within(modules: set[str]) -> str | None:
        found = next((module for module in modules if f"{name}.".startswith(f"{module}.")), None)
        return None if found is None or path in ALLOWED.get(found, ()) else found

    if module := within(CODE):
        yield f"imports {module}, which runs what it reads"
    if module := within(XML):
        yield f"imports {module}, which follows references"
    if module := within(NETWORK):
        yield f"talks to the network by {module}"


def violations(path: Path, source: str) -> list[str]:
    """What a module, at a path below the repository's root, does against the rules."""
    tree = ast.parse(source)
    known = aliases(tree)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [rule(path, dotted(call.func, known), call) for call in calls for rule in RULES]
    told = [*dict.fromkeys([*imports(path, tree), *filter(None, found)])]
    return [one for one in told if (str(path), one) not in STRETCHED]


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_module_keeps_the_rules(path: Path) -> None:
    assert violations(path, (ROOT / path).read_text(encoding="utf-8")) == []


def test_all_modules_are_looked_at() -> None:
    names = {str(path) for path in MODULES}
    assert {"impasto/weights.py", "impasto/training/checkpoints.py", "impasto/export/web/folder.py"} <= names
    assert len(MODULES) > 200


def test_exceptions_are_needed() -> None:
    """Entries of the tables that no module needs any more are to be removed."""
    for module, paths in ALLOWED.items():
        for path in paths:
            assert module in {*_modules(ast.parse((ROOT / path).read_text(encoding="utf-8")))}, (module, path)
    for path, told in STRETCHED:
        call = f"import torch\n{told.removeprefix('calls ')}()"
        assert f"{told.removeprefix('calls ')}(" in (ROOT / path).read_text(encoding="utf-8")
        assert violations(Path(path), call) == []
        assert violations(Path("impasto/planted.py"), call) == [told]
    for path in LOADERS:
        assert "torch.load(" in (ROOT / path).read_text(encoding="utf-8")


def _modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_the_one_module_that_reads_pickled_files_is_used() -> None:
    """The rule on torch.load would say nothing if weights were read in another way."""
    source = (ROOT / WEIGHTS).read_text(encoding="utf-8")
    assert source.count("torch.load(") == 1
    assert violations(WEIGHTS, source.replace("weights_only=True", "weights_only=False")) == [
        "calls torch.load without weights_only=True"
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pickle", "imports pickle, which runs what it reads"),
        ("def f():\n    from pickle import loads as read", "imports pickle, which runs what it reads"),
        ("import numpy, joblib.numpy_pickle", "imports joblib, which runs what it reads"),
        ("import xml.etree.ElementTree as tree", "imports xml.etree, which follows references"),
        ("from xml.etree import ElementTree", "imports xml.etree, which follows references"),
        ("eval(text)", "calls eval"),
        ("x = [exec(line) for line in text]", "calls exec"),
        ("import builtins as b\nb.eval(text)", "calls builtins.eval"),
        ("import os as system\nsystem.system('ls')", "calls os.system"),
        ("from os import execvp\nexecvp('ls', [])", "calls os.execvp"),
        ("import torch\ntorch.load(path)", "calls torch.load, which weights.load_plain is for"),
        ("from torch import load as r\nr(path, weights_only=True)",
         "calls torch.load, which weights.load_plain is for"),
        ("import torch\ntorch.hub.load('a/b', 'c')", "calls torch.hub.load"),
        ("from torch.hub import load_state_dict_from_url as get\nget(url)",
         "calls torch.hub.load_state_dict_from_url"),
        ("import numpy as np\nnp.load(path, allow_pickle=True)", "calls numpy.load with allow_pickle"),
        ("import numpy as np\nnp.load(path, allow_pickle=maybe)", "calls numpy.load with allow_pickle"),
        ("import subprocess\nsubprocess.run(words, shell=True)", "calls subprocess.run with a shell"),
        ("import subprocess\nsubprocess.Popen(words, shell=given)", "calls subprocess.Popen with a shell"),
        ("from subprocess import run\nrun(f'ls {name}')", "calls subprocess.run with a text for a command"),
        ("import yaml\nyaml.load(text)", "calls yaml.load"),
        ("import tarfile\ntarfile.open(path).extractall(folder)", "unpacks an archive by extractall"),
        ("def f(archive):\n    archive.extract(name)", "unpacks an archive by extract"),
        ("import shutil\nshutil.unpack_archive(path)", "calls shutil.unpack_archive"),
        ("from urllib.request import urlopen\nurlopen(url)", "talks to the network by urllib.request"),
        ("import urllib.request as web", "talks to the network by urllib.request"),
        ("import requests\nrequests.get(url).content", "talks to the network by requests"),
        ("def f(client):\n    client.get(url, verify=False)", "calls client.get with verify=False"),
        ("import hashlib\nhashlib.md5(data)", "calls hashlib.md5"),
    ],
)  # fmt: skip
def test_violations_are_caught(source: str, expected: str) -> None:
    assert expected in violations(Path("impasto/imaging/planted.py"), source)


@pytest.mark.parametrize(
    "source",
    [
        "network.eval()\nre.compile(pattern)\nself.compile(model)",
        "import numpy as np\nnp.load(path)\nnp.load(path, allow_pickle=False)",
        "import subprocess\nsubprocess.run([sys.executable, '-m', name], capture_output=True)",
        "import tarfile\ntarfile.open(path).extractfile(name)",
        "import yaml\nyaml.safe_load(text)",
        "from xml.sax.saxutils import escape\nfrom urllib.error import URLError",
    ],
)
def test_what_is_harmless_passes(source: str) -> None:
    assert violations(Path("impasto/imaging/planted.py"), source) == []


def cited() -> list[str]:
    """What SECURITY.md names of this repository's code and tests."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    return sorted({*re.findall(r"`((?:impasto|tests|requirements)/[\w./]+(?:::\w+)?)`", text)})


@pytest.mark.parametrize("place", cited())
def test_what_the_threat_model_rests_on_is_there(place: str) -> None:
    name, _, test = place.partition("::")
    path = ROOT / name
    assert path.exists()
    assert not test or re.search(rf"^def {test}\(", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_threat_model_names_many() -> None:
    assert len([place for place in cited() if "::" in place]) >= 15
