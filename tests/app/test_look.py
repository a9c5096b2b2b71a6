"""What visitors may ask for, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from impasto import styles
from impasto.app.limits import Limits
from impasto.app.look import BALANCED, StyleRequest, mix, names
from impasto.errors import UsageError
from impasto.painting.options import PaintOptions
from impasto.stylizing.options import StyleControls

NIGHT: tuple[tuple[str | Path, float], ...] = (("starry-night", 1.0),)


def test_names_are_those_that_ship() -> None:
    assert set(names()) == {*styles.cards(), *styles.pictures()}
    assert len(names()) == len(set(names()))


@pytest.mark.parametrize("name", ["/etc/passwd", "../starry-night", "wave.safetensors", "own", ""])
def test_a_text_never_names_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wave.safetensors").write_bytes(b"")
    with pytest.raises(UsageError, match=r"there is no style named"):
        StyleRequest(((name, 1.0),))


@pytest.mark.parametrize("field", ["init", "backbone"])
def test_nor_does_an_expert(field: str, tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(b"")
    with pytest.raises(UsageError, match=rf"{field} must be one of .* here, not "):
        StyleRequest(NIGHT, expert={field: str(file)})


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"styles": ()}, r"choose a style"),
        ({"strength": 1.5}, r"strength"),
        ({"strength": float("nan")}, r"strength"),
        ({"size": 4}, r"size"),
        ({"expert": {"style_loss": "nonsense"}}, r"nonsense"),
        ({"expert": {"iterations": 0}}, r"iterations"),
    ],
)
def test_what_cannot_mean_anything(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        StyleRequest(**{"styles": NIGHT, **asked})


def test_mixing() -> None:
    assert mix("starry-night", None, 0.3) == (("starry-night", 1.0),)
    assert mix("starry-night", "starry-night", 0.3) == (("starry-night", 1.0),)
    assert mix("starry-night", "great-wave", 0) == (("starry-night", 1.0),)
    assert mix("starry-night", "great-wave", 0.25) == (("starry-night", 0.75), ("great-wave", 0.25))
    with pytest.raises(UsageError, match=r"share"):
        mix("starry-night", "great-wave", 1.5)


def test_a_style_without_a_share_is_no_part_of_it() -> None:
    look = StyleRequest(mix("starry-night", "great-wave", 1))
    assert look.name == "great-wave"
    assert look.files == (("great-wave", 1.0),)
    assert [share for _, share in look.pictures] == [1.0]


def test_names_of_looks() -> None:
    assert StyleRequest(NIGHT).name == "starry-night"
    assert (
        StyleRequest(mix("starry-night", Path("/folder/my wave.jpg"), 0.5)).name == "starry-night and my wave"
    )


def test_paintings_have_pictures() -> None:
    for name in names():
        ((picture, share),) = StyleRequest(((name, 1.0),)).pictures
        assert picture.is_file()
        assert share == 1


def test_a_card_without_a_picture_cannot_be_painted(tmp_path: Path) -> None:
    look = StyleRequest(((tmp_path / "mine.safetensors", 1.0),))
    with pytest.raises(UsageError, match=r"without a picture"):
        _ = look.pictures


def test_options_of_a_painting() -> None:
    look = StyleRequest(
        NIGHT, 0.8, StyleControls(stroke_size=2, keep_color="luminance"), 256, 7, {"optimizer": "adam"}
    )
    assert look.painting() == PaintOptions(
        strength=0.8 * BALANCED, stroke_size=2, keep_color="luminance", size=256, seed=7, optimizer="adam"
    )


def test_a_whole_style_is_a_balanced_painting() -> None:
    assert StyleRequest(NIGHT).painting() == PaintOptions(size=512)


@pytest.mark.parametrize("field", ["upload_mb", "megapixels", "job_minutes", "keep_minutes", "disk_gb"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_limits_are_checked(field: str, value: float) -> None:
    with pytest.raises(UsageError, match=field):
        Limits(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "field", ["painting_size", "answers", "paintings", "videos", "trainings", "waiting", "results"]
)
def test_numbers_of_things_are_whole(field: str) -> None:
    for value in (0, 1.5):
        with pytest.raises(UsageError, match=field):
            Limits(**{field: value})  # type: ignore[arg-type]


def test_pixels() -> None:
    assert Limits(megapixels=2.5).pixels == 2_500_000


def test_which_looks_are_painted(tmp_path: Path) -> None:
    """Those of pictures that no network learned; not where one is a card without its picture."""
    picture, card = tmp_path / "wave.jpg", tmp_path / "wave.safetensors"
    assert StyleRequest(((picture, 1.0),)).is_painted
    assert StyleRequest((("burning-sky", 1.0),)).is_painted
    assert StyleRequest((("starry-night", 0.5), (picture, 0.5))).is_painted
    assert not StyleRequest((("starry-night", 1.0),)).is_painted
    assert not StyleRequest(((card, 1.0),)).is_painted
    assert not StyleRequest(((card, 0.5), (picture, 0.5))).is_painted
