"""What commands print on standard error."""

import pytest

from impasto.cli.display import complain, warn, with_flags


@pytest.mark.parametrize(
    ("message", "printed"),
    [
        ("choose a larger size= or fewer scales=", "choose a larger --size or fewer --scales"),
        ("1.0 GB are free: try size=512", "1.0 GB are free: try --size 512"),
        ("a lower learning_rate=, or another", "a lower --learning-rate, or another"),
        ("replace it with overwrite=True", "replace it with --overwrite"),
        ("(tile=auto)", "(--tile auto)"),
        (
            "size=1.jpg and a=b.png, x/size=4/y.jpg are missing",
            "size=1.jpg and a=b.png, x/size=4/y.jpg are missing",
        ),
        ("--size 4 is too small", "--size 4 is too small"),
        ("name them, as in --results mine=folder", "name them, as in --results mine=folder"),
    ],
)
def test_parameters_become_flags(message: str, printed: str) -> None:
    assert with_flags(message) == printed


def test_errors_and_notes_name_flags(capsys: pytest.CaptureFixture[str]) -> None:
    complain("out.png exists: replace it with overwrite=True")
    warn("memory is short: try size=256")
    assert capsys.readouterr().err.splitlines() == [
        "error: out.png exists: replace it with --overwrite",
        "note: memory is short: try --size 256",
    ]
