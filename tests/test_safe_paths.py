"""Names that no file can have are names of nothing."""

from pathlib import Path

import pytest

from impasto import safe_paths


def test_what_there_is(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert (safe_paths.exists(file), safe_paths.is_file(file), safe_paths.is_folder(file)) == (
        True,
        True,
        False,
    )
    assert (safe_paths.exists(tmp_path), safe_paths.is_file(tmp_path)) == (True, False)
    assert safe_paths.is_folder(str(tmp_path))
    assert not safe_paths.exists(tmp_path / "none")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "x/" * 5000])
def test_impossible_names(name: str) -> None:
    for asks in (safe_paths.exists, safe_paths.is_file, safe_paths.is_folder):
        assert asks(name) is False
        assert asks(Path(name)) is False


def test_names_of_another_encoding() -> None:
    assert safe_paths.is_unicode(Path("größe.jpg"))
    assert not safe_paths.is_unicode(Path("gr\udcf6\udcdfe.jpg"))
