"""One meaning for each type name, and one spelling."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import impasto

PACKAGE = Path(impasto.__path__[0])


def type_names(tree: ast.Module) -> Iterator[str]:
    """Classes and aliases of types that a module defines."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name.lstrip("_")[:1].isupper() and not name.isupper():
                yield name


def test_a_type_name_has_one_meaning() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        for name in type_names(ast.parse(path.read_text(encoding="utf-8"))):
            places[name].append(str(path.relative_to(PACKAGE)))
    several = {name: where for name, where in places.items() if len(where) > 1}
    assert not several


def test_what_counts_as_a_type_name() -> None:
    source = "class A: ...\nBox = dict[str, int]\nT = TypeVar('T')\nMOST = 1\n_Kind = Literal['x']\ng = 2\n"
    assert list(type_names(ast.parse(source))) == ["A", "Box", "_Kind"]
