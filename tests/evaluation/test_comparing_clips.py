"""Flicker of styled clips beside the clip itself and a frame that is held."""

from pathlib import Path

import numpy as np
import pytest

from impasto.errors import VideoError
from impasto.evaluation import WarpingError, compare_clips
from impasto.evaluation.warping import ORIGINAL, STILL
from impasto.imaging.flow import FlowEstimator
from impasto.imaging.video.open import open_clip
from tests.clips import Pixels, pan, write_clip

SIZE = 96, 128


def flickering(frames: list[Pixels]) -> list[Pixels]:
    dice = np.random.default_rng(0)
    return [np.clip(f + dice.normal(0, 30, f.shape), 0, 255).astype(np.uint8) for f in frames]


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "original.mp4", pan(6, SIZE))


def test_clips_stand_beside_their_controls(original: Path, tmp_path: Path) -> None:
    """All along the motion of the original, as one by one."""
    frames = pan(6, SIZE)
    steady = write_clip(tmp_path / "steady.mp4", [255 - frame for frame in frames])
    wild = write_clip(tmp_path / "wild.mp4", flickering(frames))
    clips = {"steady": open_clip(steady), "wild": open_clip(wild)}
    found = {flicker.name: flicker for flicker in compare_clips(open_clip(original), clips)}
    assert list(found) == ["steady", "wild", ORIGINAL, STILL]
    assert [flicker.control for flicker in found.values()] == [False, False, True, True]
    error = {name: flicker.error.mean for name, flicker in found.items()}
    assert error[ORIGINAL] == pytest.approx(error["steady"], rel=0.1)
    assert 3 * error["steady"] < min(error["wild"], error[STILL])
    alone = WarpingError()
    for photo, picture in zip(open_clip(original).frames(), open_clip(wild).frames(), strict=True):
        alone.add(photo.pixels, picture.pixels)
    assert error["wild"] == pytest.approx(alone.value)
    assert all(flicker.frames == 6 and not flicker.notes for flicker in found.values())


def test_motion_is_found_once(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    search = FlowEstimator.__call__

    def counted(self: FlowEstimator, *frames: Pixels) -> object:
        calls.append(frames)
        return search(self, *frames)

    monkeypatch.setattr(FlowEstimator, "__call__", counted)
    compare_clips(open_clip(original), {name: open_clip(original) for name in ("a", "b")})
    assert len(calls) == 5


def test_other_sizes_and_lengths_are_told(original: Path, tmp_path: Path) -> None:
    short = write_clip(tmp_path / "short.mp4", pan(4, (48, 64)))
    seen: list[int] = []
    found = compare_clips(open_clip(original), {"short": open_clip(short)}, on_frame=seen.append)
    assert found[0].frames == 4 and seen == [1, 2, 3, 4]
    assert found[0].notes == (
        f"{short} has 64 x 48 pixels, the original 128 x 96: it is resized",
        f"{short} and {original} differ in length: the first 4 frames are compared",
    )


def test_one_frame_does_not_change(original: Path, tmp_path: Path) -> None:
    single = write_clip(tmp_path / "single.mp4", pan(1, SIZE))
    with pytest.raises(VideoError, match=r"have fewer than two frames in common"):
        compare_clips(open_clip(original), {"single": open_clip(single)})
