"""Videos graded by one table."""

from pathlib import Path

import numpy as np
import pytest
import torch

from impasto.errors import VideoError
from impasto.grading.files import FrameGrader, lut_of_clip
from impasto.grading.grader import Grader
from impasto.grading.looks import write_look
from impasto.grading.lut import Lut, identity
from impasto.grading.options import GradeOptions
from impasto.imaging.video.clip import ClipInfo
from impasto.imaging.video.open import open_clip
from tests.clips import pan, write_clip

PLAIN = GradeOptions(method="linear", lut_size=17)


def test_one_table_for_the_whole_clip(tmp_path: Path, picture):
    dark, bright = np.full((48, 64, 3), 40, np.uint8), np.full((48, 64, 3), 220, np.uint8)
    clip = open_clip(write_clip(tmp_path / "a.mp4", [dark] * 4 + [bright] * 4))
    reference = picture("coffee", 64)
    grey = lut_of_clip(clip, Grader(reference, options=PLAIN))(torch.tensor([0.16, 0.86]).expand(3, 1, 2))
    assert (grey[:, 0, 1] - grey[:, 0, 0]).min() > 0.1, "both are seen, and are the ends of the contrast"


def test_a_lut_is_the_same_for_all(tmp_path: Path):
    lut = identity(3)
    write_look(tmp_path / "a.cube", lut.with_outputs(1 - lut.inputs))
    clip = open_clip(write_clip(tmp_path / "a.mp4", pan(2)))
    frame = pan(1)[0]
    graded = FrameGrader(lut_of_clip(clip, Grader(lut=tmp_path / "a.cube")))(frame)
    assert np.abs(255 - frame.astype(int) - graded).max() <= 1


def test_domains_are_kept():
    lut = Lut(torch.rand(4, 4, 4, 3), low=(0.2, 0.0, 0.1), high=(0.8, 2.0, 1.0))
    frame = pan(1)[0]
    image = torch.from_numpy(frame).permute(2, 0, 1).float() / 255
    expected = lut(image).mul(255).permute(1, 2, 0).numpy()
    assert np.abs(FrameGrader(lut)(frame) - expected).mean() < 2


class _Empty:
    info = ClipInfo("a.mp4", (8, 8), 25, 1, duration=1.0)

    def frames(self, start, end=None, every=1):
        return iter(())


def test_a_clip_without_frames(picture):
    with pytest.raises(VideoError, match=r"a\.mp4 has no frames"):
        lut_of_clip(_Empty(), Grader(picture("coffee", 64), options=PLAIN))
