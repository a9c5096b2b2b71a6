"""Names that no file can have are names of nothing."""

from pathlib import Path

import pytest

from impasto import paths


def test_what_there_is(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert (paths.exists(file), paths.is_file(file), paths.is_folder(file)) == (True, True, False)
    assert (paths.exists(tmp_path), paths.is_file(tmp_path)) == (True, False)
    assert paths.is_folder(str(tmp_path))
    assert not paths.exists(tmp_path / "none")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "x/" * 5000])
def test_impossible_names(name: str) -> None:
    for asks in (paths.exists, paths.is_file, paths.is_folder):
        assert asks(name) is False
        assert asks(Path(name)) is False
