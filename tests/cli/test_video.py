"""`impasto video`, end to end on small clips, with a shipped style."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from impasto.cli.video import parse_time
from impasto.errors import UsageError
from tests.clips import pan, read_clip, write_clip


@pytest.fixture
def clip(workshop: Path) -> Path:
    return write_clip(workshop / "clip.mp4", pan(12, (48, 64)), sound=True)


@pytest.fixture
def video(impasto, clip):
    def run(*arguments, style="starry-night", **rest):
        return impasto("video", *arguments, "--style", style, "--runtime", "torch", **rest)

    return run


def error_of(result, code):
    """The one line that a failing command prints."""
    assert result.exit_code == code, (result.stderr, result.exception)
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    return line


def test_a_video_with_its_sound(video):
    result = video("clip.mp4", "out.mp4")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[-1].startswith("out.mp4: 12 frames in ")
    frames = read_clip(Path("out.mp4"))
    assert len(frames) == 12
    assert frames[0].shape == (48, 64, 3)
    assert np.abs(frames[0].astype(int) - pan(1)[0]).mean() > 10
    with av.open("out.mp4") as container:
        assert len(container.streams.audio) == 1


def test_quiet(video):
    result = video("clip.mp4", "out.mp4", "--end", 0.3, "--quiet")
    assert (result.exit_code, result.stderr, result.stdout) == (0, "", "")


def test_options(video):
    result = video("clip.mp4", "out.webm", "--start", "0:00.4", "--end", 1, "--every", 2, "--size", 32,
                   "--side-by-side", "--no-steady", "--crf", 40)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    with av.open("out.webm") as container:
        assert container.streams.video[0].codec_context.name.startswith(("vp9", "libvpx"))
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [frame.shape for frame in frames] == [(24, 64, 3)] * 3


def test_preview(video):
    result = video("clip.mp4", "out.mp4", "--preview", 3)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.strip() == "out.png: frame 3"
    with Image.open("out.png") as picture:
        assert picture.size == (64, 48)
    assert not Path("out.mp4").exists()


def test_dry_run(video, workshop):
    before = sorted(Path().iterdir())
    result = video("clip.mp4", "out.avi", "--start", 0.2, "--every", 2, "--size", 32, "--dry-run")
    assert result.exit_code == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines() if line]
    assert rows[0] == ["frames", "5", "of", "1.0", "s"]
    assert ["size", "32", "x", "24"] in rows
    assert ["codec", "h264"] in rows
    assert ["video", "h264", "painted,", "as", "h264"] in rows
    assert ["sound", "aac", "converted", "to", "ac3"] in rows
    assert [row[0] for row in rows[-3:]] == ["memory", "disk", "time"]
    assert sorted(Path().iterdir()) == before
    assert "name for a result" in error_of(video("clip.mp4", "out.mp3", "--dry-run"), 2)
    assert "no frames" in error_of(video("clip.mp4", "out.gif", "--start", 90, "--dry-run"), 1)


def test_animation_and_folder(video):
    assert video("clip.mp4", "out.gif", "--end", 0.4).exit_code == 0
    assert video("clip.mp4", "frames", "--end", 0.4).exit_code == 0
    assert len(list(Path("frames").iterdir())) == 4
    assert video("frames", "again.mp4").exit_code == 0
    assert len(read_clip(Path("again.mp4"))) == 4
    with Image.open("out.gif") as picture:
        assert picture.n_frames == 4


def test_fast(video):
    result = video("clip.mp4", "out.mp4", "--fast")
    assert result.exit_code == 0, result.stderr
    assert len(read_clip(Path("out.mp4"))) == len(read_clip(Path("clip.mp4")))


def test_paint_engine(impasto, clip):
    result = impasto("video", clip, "out.mp4", "--style", "wave.jpg", "--engine", "paint", "--every", 8)
    assert result.exit_code == 0, result.stderr
    assert len(read_clip(Path("out.mp4"))) == 2


def test_a_corrupt_video_is_made_up_to_the_fault(video):
    whole = write_clip(Path("whole.mkv"), pan(40))
    Path("broken.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    result = video("broken.mkv", "out.mp4")
    assert result.exit_code == 1
    assert "out.mp4 ends there" in result.stderr.splitlines()[-1]
    assert 5 < len(read_clip(Path("out.mp4"))) < 40


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("none.mp4", "out.mp4"), 1, "none.mp4 does not exist"),
        (("photo.jpg", "out.mp4"), 1, "photo.jpg"),
        (("clip.mp4", "clip.mp4", "--overwrite"), 2, "is the same file as the input"),
        (("clip.mp4", "out.mp3"), 2, "out.mp3"),
        (("clip.mp4", "photo.jpg"), 2, "photo.jpg"),
        (("clip.mp4", "out.mp4", "--codec", "vp8"), 2, "vp8"),
        (("clip.mp4", "out.webm", "--codec", "h264"), 2, "h264"),
        (("clip.mp4", "out.mp4", "--crf", 99), 2, "crf"),
        (("clip.mp4", "out.mp4", "--start", "soon"), 2, "a time must be seconds"),
        (("clip.mp4", "out.mp4", "--start", 2, "--end", 1), 2, "after start"),
        (("clip.mp4", "out.mp4", "--every", 0), 2, "every"),
        (("clip.mp4", "out.mp4", "--fast", "--engine", "paint"), 2, "--fast works only with networks"),
        (("clip.mp4", "out.mp4", "--engine", "oil"), 2, "oil"),
        (("clip.mp4", "out.mp4", "--cuts", "on"), 2, "cuts is auto or off, not on"),
        (("clip.mp4", "out.mp4", "--preview", 99), 2, "no frame 99"),
        (("clip.mp4", "missing/out.mp4"), 1, "missing"),
        (("clip.mp4", "out.mp4", "--start", 90), 1, "no frames"),
    ],
)
def test_what_cannot_be_done(video, arguments, code, message):
    before = sorted(Path().iterdir())
    assert message in error_of(video(*arguments), code)
    assert sorted(Path().iterdir()) == before


def test_an_unknown_style(video):
    assert "sunflowers" in error_of(video("clip.mp4", "out.mp4", style="sunflowers"), 2)


def test_an_existing_video_stays(video):
    Path("out.mp4").write_bytes(b"mine")
    assert "--overwrite" in error_of(video("clip.mp4", "out.mp4"), 2)
    assert Path("out.mp4").read_bytes() == b"mine"


def test_ctrl_c_and_go_on(interrupt, clip):
    long = write_clip(Path("long.mp4"), pan(80, (96, 128)))
    words = ("video", long, "out.mp4", "--style", "starry-night", "--runtime", "torch")
    rest = interrupt(*words, at="stylizing")
    assert "stopped after" in rest
    assert "the same command goes on" in rest
    assert "Traceback" not in rest
    assert not Path("out.mp4").exists()
    assert Path("out.mp4.parts").is_dir()


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1:30", 90), ("0:01:30.5", 90.5), ("12.25", 12.25)]
)
def test_times(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1:2:3:4", "1.5:00", "abc", "1e3"])
def test_times_that_are_none(text):
    with pytest.raises(UsageError, match="a time must be seconds"):
        parse_time(text)
