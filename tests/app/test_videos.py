"""Clips that visitors bring, and the videos that are made of them: the work, and then the tab."""

from __future__ import annotations

import asyncio
import gc
import shlex
import threading
import weakref
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from time import time_ns
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from impasto.app import code_snippets, videos
from impasto.app.jobs import JobQueues
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest
from impasto.app.sessions import Session, Sessions
from impasto.app.videos import Film, make
from impasto.cli import app as commands
from impasto.errors import ImpastoError, UsageError, VideoError
from impasto.stylizing.options import StyleControls, VideoOptions
from impasto.stylizing.stylizer import Stylizer
from tests.app.conftest import Reports, followed, serve, wait_until
from tests.clips import pan, read_clip, write_clip

if TYPE_CHECKING:
    from gradio_client import Client

LIMITS = Limits()
STARRY = StyleRequest((("starry-night", 1.0),))
GRADIOS_OWN = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def visit(tmp_path: Path) -> Session:
    folder = tmp_path / "visit"
    folder.mkdir()
    return Session(folder, 4, JobQueues(LIMITS))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds, with sound."""
    return write_clip(tmp_path_factory.mktemp("clips") / "my clip.mp4", pan(20), sound=True)


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    """More frames than are made before somebody can say stop."""
    return write_clip(tmp_path / "long.mp4", pan(150, (96, 128), step=1), rate=25)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[Stylizer]]:
    """The networks that videos are made with: of PyTorch, which is ready sooner."""
    seen = []

    def stylizer(look: StyleRequest, runtime: str) -> Stylizer:
        stylizer = Stylizer(list(look.files), look.strength, runtime="torch", **asdict(look.handles))
        seen.append(weakref.ref(stylizer))
        return stylizer

    monkeypatch.setattr(videos, "stylizer_of", stylizer)
    return seen


def files(visit: Session) -> list[str]:
    return sorted(path.name for path in visit.folder.rglob("*") if path.is_file())


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("impasto-")]


def test_a_clip_is_looked_at(clip: Path, tmp_path: Path) -> None:
    upload = videos.open_upload(clip, LIMITS)
    info = upload.info
    assert (info.size, info.rate, info.has_audio) == ((48, 64), 10, True)
    assert info.duration == pytest.approx(2, abs=0.2)
    assert upload.is_played
    other = tmp_path / "clip.avi"
    with av.open(str(other), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for pixels in pan(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    assert not videos.open_upload(other, LIMITS).is_played
    stills = [Image.fromarray(pixels) for pixels in pan(3)]
    stills[0].save(tmp_path / "clip.gif", save_all=True, append_images=stills[1:])
    assert videos.open_upload(tmp_path / "clip.gif", LIMITS).info.frames == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no video at all, but a text that goes on for a while\n" * 40,
        b"ffconcat version 1.0\nfile secret.mp4\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\nsecret.ts\n#EXT-X-ENDLIST\n",
    ],
    ids=["empty", "text", "concat", "playlist"],
)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.m3u8"])
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes, name: str) -> None:
    """And what lists other files, too, whatever it is called: these may be somebody else's."""
    write_clip(tmp_path / "secret.mp4", pan(3))
    write_clip(tmp_path / "secret.ts", pan(3))
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=rf"{name} is not a video"):
        videos.open_upload(tmp_path / name, LIMITS)


def test_a_picture_is_no_video(tmp_path: Path) -> None:
    Image.fromarray(pan(1)[0]).save(tmp_path / "photo.png")
    with pytest.raises(VideoError, match="single picture"):
        videos.open_upload(tmp_path / "photo.png", LIMITS)


def test_frames_that_are_too_large_are_refused(clip: Path, long_clip: Path) -> None:
    with pytest.raises(UsageError, match=r"128 x 96 pixels, and the limit here is 0\.01 million .* smaller"):
        videos.open_upload(long_clip, Limits(megapixels=0.01))
    videos.open_upload(clip, Limits(megapixels=0.01))


def test_what_is_asked_for_is_brought_into_the_limits(clip: Path) -> None:
    info = videos.open_upload(clip, LIMITS).info
    info = replace(info, duration=2.0)
    tight = Limits(video_seconds=0.5)

    def fit(limits: Limits = LIMITS, **options: float | None) -> tuple[VideoOptions, tuple[str, ...]]:
        return videos.fit(info, VideoOptions(**options), limits)

    assert fit() == (VideoOptions(), ())
    assert fit(end=1.5) == (VideoOptions(end=1.5), ())
    assert fit(end=2.04) == (VideoOptions(), ())  # as the page shows a length, in whole hundredths
    assert fit(tight, start=1.6) == (VideoOptions(start=1.6), ())
    cut, (note,) = fit(tight, start=1.0)
    assert (cut.start, cut.end) == (1.0, 1.5)
    assert note == "the limit here is 0.5 s: the video goes from 1 s to 1.5 s of the clip"
    with pytest.raises(UsageError, match=r"2\.0 s long: choose a start before that, not 7 s"):
        fit(start=7.0)
    endless = replace(info, duration=None)
    assert videos.fit(endless, VideoOptions(start=3.0), tight) == (VideoOptions(start=3.0, end=3.5), ())


def test_sizes_are_even_and_never_larger(clip: Path) -> None:
    info = videos.open_upload(clip, LIMITS).info
    assert videos.even_size(info, None) is None
    assert videos.even_size(info, 960) is None
    assert videos.even_size(info, 32) == 32
    assert videos.even_size(replace(info, size=(47, 63)), None) == 63  # which the engine makes even


def test_a_frame_at_once(clip: Path, visit: Session) -> None:
    before, after = videos.preview(visit, clip, STARRY, 0.75, None, LIMITS)
    photo = pan(8)[7]
    with Image.open(before) as one, Image.open(after) as other:
        assert np.abs(np.asarray(one).astype(int) - photo).mean() < 6
        wanted = Stylizer("starry-night", runtime="torch").frame(photo)
        assert np.abs(np.asarray(other).astype(int) - wanted).mean() < 12
    videos.preview(visit, clip, STARRY, 99, 32, LIMITS)  # the last one
    newest, _ = videos.preview(visit, clip, STARRY, 0, 32, LIMITS)
    with Image.open(newest) as one:
        assert one.size == (32, 24)
    assert not before.exists()
    assert files(visit) == sorted(["frame.jpg", "frame-starry-night.jpg"] * 2)


def test_a_video_is_made(
    clip: Path, visit: Session, tmp_path: Path, told: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the command and the Python that the page shows make the same."""
    look = replace(STARRY, strength=0.8, handles=StyleControls(keep_color="luminance"))
    options = VideoOptions(start=0.5, end=1.5, size=48, steady=False, side_by_side=True)
    followed(make(visit, clip, look, options, LIMITS))
    first, *between, last = told
    assert (first.progress, first.notes) == (None, ())
    assert all(not take.is_over for take in between)
    film = last.film
    assert last.is_over and film and film.frames == 10
    assert film.path.name == "my clip-starry-night.mp4"
    frames = read_clip(film.path)
    assert len(frames) == 10 and frames[0].shape == (36, 96, 3)
    with av.open(str(film.path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert float(sound.duration * sound.time_base) == pytest.approx(1, abs=0.2)
    assert files(visit) == [film.path.name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / clip.name).symlink_to(clip)
    exec(code_snippets.film_python(film), {})
    assert same(film, tmp_path / film.path.name)
    Path(film.path.name).unlink()
    words = shlex.split(code_snippets.film_command(film))
    assert words[:4] == ["impasto", "video", "my clip.mp4", film.path.name]
    assert CliRunner().invoke(commands, words[1:]).exit_code == 0
    assert same(film, tmp_path / film.path.name)


def same(film: Film, path: Path) -> bool:
    pairs = zip(read_clip(film.path), read_clip(path), strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


def test_too_long_a_video_is_cut_and_told_before(
    clip: Path, visit: Session, made: object, told: Reports
) -> None:
    followed(make(visit, clip, STARRY, VideoOptions(), Limits(video_seconds=0.5)))
    first, *_, last = told
    assert first.notes == ("the limit here is 0.5 s: the video goes from 0 s to 0.5 s of the clip",)
    assert last.film and last.film.frames == len(read_clip(last.film.path)) == 5
    assert "--end 0.5" in code_snippets.film_command(last.film)


def test_a_clip_with_odd_sides_plays_everywhere(tmp_path: Path, visit: Session, made: object) -> None:
    odd = write_clip(tmp_path / "odd.mp4", pan(4, (47, 63)))
    *_, last = followed(make(visit, odd, STARRY, VideoOptions(), LIMITS))
    assert last.film
    with av.open(str(last.film.path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_stop_keeps_what_is_done(long_clip: Path, visit: Session, made: object, told: Reports) -> None:
    told.then = lambda take: visit.stop("video") if take.progress else None
    *_, last = followed(make(visit, long_clip, STARRY, VideoOptions(), LIMITS))
    assert last.film and 0 < last.film.frames < 150
    assert len(read_clip(last.film.path)) == last.film.frames
    assert last.notes == (f"stopped after {last.film.frames} frames: the video ends there",)
    assert files(visit) == [last.film.path.name]
    assert not visit.is_busy
    wait_until(lambda: not threads())


def test_time_runs_out(
    long_clip: Path, visit: Session, made: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = count(0, 10)  # seconds: ten of them between one look and the next
    monkeypatch.setattr(
        videos, "time", SimpleNamespace(monotonic=lambda: float(next(clock)), time_ns=time_ns)
    )
    *_, last = followed(make(visit, long_clip, STARRY, VideoOptions(), Limits(job_minutes=1)))
    assert last.notes[0].startswith("out of time")
    assert (last.film.frames if last.film else 0) < 150


def test_leaving_ends_the_video(
    long_clip: Path, tmp_path: Path, made: list[weakref.ref[Stylizer]], told: Reports
) -> None:
    visits = Sessions(tmp_path / "visits", LIMITS)
    visit = visits.of("a visitor")
    told.then = lambda take: visits.leave("a visitor") if take.progress else None
    with pytest.raises(ImpastoError):
        followed(make(visit, long_clip, STARRY, VideoOptions(), LIMITS))
    assert not visit.folder.exists()
    wait_until(lambda: not threads())
    gc.collect()
    assert [one() for one in made] == [None]


def test_a_damaged_clip_is_made_up_to_there(tmp_path: Path, visit: Session, made: object) -> None:
    whole = write_clip(tmp_path / "whole.mkv", pan(40))
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    *_, last = followed(make(visit, broken, STARRY, VideoOptions(), LIMITS))
    assert last.film and 5 < len(read_clip(last.film.path)) < 40
    assert "cut short" in last.notes[0] and last.notes[0].endswith("ends there")


def test_what_fails_leaves_nothing(
    tmp_path: Path, visit: Session, made: list[weakref.ref[Stylizer]], told: Reports
) -> None:
    """Neither a clip that is damaged from the start, nor one that is lost once it was looked at."""
    clip = write_clip(tmp_path / "clip.mp4", pan(20))
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clip.read_bytes()[:2000])
    with pytest.raises(VideoError, match=r"broken\.mp4 is not a video, or it is damaged or cut short"):
        make(visit, broken, STARRY, VideoOptions(), LIMITS)
    told.then = lambda take: (tmp_path / "clip.mp4").write_bytes(b"")
    with pytest.raises(ImpastoError):
        followed(make(visit, clip, STARRY, VideoOptions(), LIMITS))
    wait_until(lambda: not threads())
    gc.collect()
    assert (files(visit), threads(), visit.is_busy) == ([], [], False)
    assert [one() for one in made] == [None] * len(made)


def test_only_the_last_two_videos_are_kept(clip: Path, visit: Session, made: object) -> None:
    films = []
    for _ in range(3):
        *_, last = followed(make(visit, clip, STARRY, VideoOptions(end=0.2), LIMITS))
        assert last.film
        films.append(last.film.path)
    assert [path.exists() for path in films] == [False, True, True]


@GRADIOS_OWN
def test_the_page_tells_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert videos.missing() is None
    gr = pytest.importorskip("gradio")
    from impasto.app.page import video

    monkeypatch.setattr(videos, "find_spec", lambda name: None)
    with gr.Blocks(analytics_enabled=False) as page:
        video.add_video_tab(Sessions(tmp_path, LIMITS), LIMITS, [], SimpleNamespace())  # type: ignore[arg-type]
    words = [block.value for block in page.blocks.values() if isinstance(block, gr.Markdown)]
    assert words == ["A video needs PyAV and OpenCV: pip install 'impasto[video]'"]
    del page
    asyncio.set_event_loop(None)  # the last of those that Gradio made for its locks
    gc.collect()


@GRADIOS_OWN
def test_the_tab(join: Callable[..., Client], clip: Path, tmp_path: Path) -> None:
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video" * 100)
    with serve(Limits(video_seconds=1.0)) as address:
        client = join(address, download_files=str(tmp_path / "got"))

        def ask(api_name: str, path: Path, **more: Any) -> Any:
            given = {"clip": handle_file(str(path)), "style": "the-scream", "own": None}
            return client.predict(**given, **more, api_name=api_name)

        pictures, told = ask("/preview_video", clip, moment=0.5)
        assert "Frame at 0.5 s in the style of The Scream" in told
        for picture in pictures:
            with Image.open(picture) as image:
                assert image.size == (64, 48)
        told, film, command, python = ask("/make_video", clip, side_by_side=True)
        assert "10 frames in" in told  # of twenty: the limit is a second
        assert command.startswith("impasto video 'my clip.mp4' 'my clip-the-scream.mp4' --style the-scream")
        assert "impasto.stylize_video('my clip.mp4'" in python
        film = Path(film["value"])
        assert read_clip(film)[0].shape == (48, 128, 3)
        with av.open(str(film)) as container:
            assert container.streams.audio
        for name in ("/preview_video", "/make_video"):
            with pytest.raises(AppError, match=r"^bad\.mp4 is not a video, or it is damaged or cut short"):
                ask(name, bad)
    gc.collect()
