"""The licences of what impasto needs and can use: known, and ones that go with Apache-2.0."""

from __future__ import annotations

import pytest

from docs.generators.licences import dependencies, licence_of
from tests.packaging.conftest import closure

# as they are told in metadata; a new one is looked at before it is entered
PERMISSIVE = {
    "0BSD", "Apache Software License", "Apache-2.0", "BSD", "BSD License", "BSD-2-Clause", "BSD-3-Clause",
    "CC0-1.0", "ISC License", "MIT", "MIT License", "MIT-CMU", "PSF-2.0", "Zlib",
}  # fmt: skip


def test_all_licences_are_known() -> None:
    for name in closure("impasto"):
        assert licence_of(name) != "?", name


@pytest.mark.parametrize("name", [name for name in closure("impasto") if name != "torch"])
def test_what_impasto_needs_is_permissive(name: str) -> None:
    found = licence_of(name)
    parts = {part.strip("() ") for part in found.replace(" OR ", " AND ").split(" AND ")}
    assert parts <= PERMISSIVE, f"{name}: {found}"


def test_pytorch_is_permissive() -> None:
    assert licence_of("torch").startswith(("Apache-2.0", "BSD-3-Clause"))


def test_the_table_has_all() -> None:
    table = dependencies()
    for name in (*closure("impasto"), "gradio", "openvino", "av", "pyvips-binary", "tensorboard"):
        assert f"| {name} |" in table, name
    assert "| ? |" not in table
