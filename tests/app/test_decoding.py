"""Files whose decoding takes too long, or crashes: a sentence, and the next file is decoded as ever."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.app import decoding, trainings
from impasto.app.decoding import check_decoding
from impasto.app.limits import Limits
from impasto.app.trainings import TrainRequest
from impasto.errors import ImageError, ImpastoError, UsageError, VideoError
from impasto.imaging.limits import decodes_quickly
from tests.app.conftest import Asking, run_app, write_photo
from tests.clips import pan, write_clip

SECONDS = 0.4
LIMITS = Limits(decoding_seconds=SECONDS)
SENTENCE = rf"slow.* takes longer to decode than {SECONDS:g} s, the limit here: make it smaller"
CONTAINERS = ("mov", "gif")
SLOW = """
import signal, sys
for line in sys.stdin:
    {action}
    print(flush=True)
"""


def write_slow(path: Path) -> Path:
    """A progressive JPEG of 20 megapixels, whose last scan comes 80 times: 100 KB, and seconds of work."""
    buffer = BytesIO()
    Image.new("RGB", (5000, 4000), "teal").save(buffer, "JPEG", progressive=True)
    whole = buffer.getvalue()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    path.write_bytes(whole[:-2] + last * 80 + whole[-2:])
    return path


def write_slow_clip(path: Path) -> Path:
    """A GIF of 600 frames of one pixel, each shown on a canvas of 6 megapixels."""
    head = b"GIF89a" + struct.pack("<2H", 3000, 2000) + b"\x80\0\0" + bytes(6)
    frame = b"," + struct.pack("<4H", 0, 0, 1, 1) + b"\0\2\2L\1\0"
    path.write_bytes(head + frame * 600 + b";")
    return path


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[decoding._Workers]:
    """New ones, which know of no file."""
    fresh = decoding._Workers()
    monkeypatch.setattr(decoding, "_WORKERS", fresh)
    yield fresh
    fresh.close()


def act(monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    """Have workers do something else than to decode."""
    monkeypatch.setattr(decoding, "_COMMAND", (sys.executable, "-c", SLOW.format(action=action)))


def test_a_slow_picture_and_the_next_one(tmp_path: Path, workers: decoding._Workers) -> None:
    photo = Path(write_photo(tmp_path / "photo.png"))
    check_decoding(photo, LIMITS)
    for _ in range(2):
        with pytest.raises(ImageError, match=SENTENCE):
            check_decoding(write_slow(tmp_path / "slow.jpg"), LIMITS)
    check_decoding(Path(write_photo(tmp_path / "next.png")), LIMITS)
    check_decoding(tmp_path / "slow.jpg", Limits(decoding_seconds=300))


def test_a_slow_clip_and_the_next_one(tmp_path: Path, workers: decoding._Workers) -> None:
    with pytest.raises(VideoError, match=SENTENCE):
        check_decoding(write_slow_clip(tmp_path / "slow.gif"), LIMITS, CONTAINERS)
    check_decoding(write_clip(tmp_path / "clip.mp4", pan(4)), Limits(), CONTAINERS)


def test_what_waits_is_ended_by_the_clock(
    tmp_path: Path, workers: decoding._Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes no processor time, or the system has no timer for that."""
    act(monkeypatch, "import time; time.sleep(600)")
    with pytest.raises(ImageError, match="takes longer to decode"):
        check_decoding(Path(write_photo(tmp_path / "photo.png")), Limits(decoding_seconds=0.05))


def test_a_crash_ends_a_process_and_not_the_app(
    tmp_path: Path, workers: decoding._Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    act(monkeypatch, "import os; os.kill(os.getpid(), signal.SIGSEGV)")
    photo = Path(write_photo(tmp_path / "photo.png"))
    with pytest.raises(ImageError, match=r"photo\.png ended the program that decodes it"):
        check_decoding(photo, LIMITS)
    monkeypatch.undo()
    check_decoding(photo, LIMITS)


def test_a_process_that_was_killed_while_it_waited_is_replaced(
    tmp_path: Path, workers: decoding._Workers
) -> None:
    check_decoding(Path(write_photo(tmp_path / "photo.png")), LIMITS)
    (before,) = workers._idle
    os.kill(before._process.pid, signal.SIGKILL)
    check_decoding(Path(write_photo(tmp_path / "next.png")), LIMITS)
    assert workers._idle and workers._idle != [before]


def test_as_many_at_the_same_time_as_answers(
    tmp_path: Path, workers: decoding._Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    act(monkeypatch, "open(__import__('json').loads(line)['path'] + '.done', 'x').close()")
    photos = [Path(write_photo(tmp_path / f"{seed}.png")) for seed in range(6)]
    threads = [threading.Thread(target=check_decoding, args=(photo, Limits(answers=2))) for photo in photos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(path.name for path in tmp_path.glob("*.done")) == [f"{seed}.png.done" for seed in range(6)]
    assert len(workers._idle) <= 2


def test_a_known_file_is_not_decoded_again(
    tmp_path: Path, workers: decoding._Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = Path(write_photo(tmp_path / "photo.png"))
    check_decoding(photo, LIMITS)
    monkeypatch.setattr(decoding._Worker, "decode", lambda *_: pytest.fail("decoded again"))
    check_decoding(photo, LIMITS)


def test_processes_end_with_the_app(tmp_path: Path) -> None:
    """Also where it is killed: their input ends."""
    process = subprocess.Popen(decoding._COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_without_a_new_process(
    tmp_path: Path, workers: decoding._Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_COMMAND", (str(tmp_path / "nothing"),))
    with pytest.raises(ImpastoError, match="no process could be started to decode files"):
        check_decoding(Path(write_photo(tmp_path / "photo.png")), LIMITS)


@pytest.mark.parametrize(
    ("options", "is_quick"),
    [
        ({}, True),
        ({"subsampling": 0, "quality": 100}, True),
        ({"progressive": True}, False),
    ],
)
def test_usual_photos_are_not_decoded_twice(options: dict[str, object], is_quick: bool) -> None:
    buffer = BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG", **options)
    assert decodes_quickly(buffer) is is_quick
    whole = buffer.getvalue()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    assert not decodes_quickly(BytesIO(whole[:-2] + last * 4 + whole[-2:]))
    assert not decodes_quickly(BytesIO(b"GIF89a" + whole))


def test_photos_of_a_training_are_decoded_for_a_limited_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = write_photo(tmp_path / "photo.png")
    monkeypatch.setattr(trainings, "_CHECKS", -1)
    with pytest.raises(UsageError, match="these photos take too long to decode: choose fewer"):
        TrainRequest(photo, photos=(photo,)).check(LIMITS)


def test_every_way_into_the_app(tmp_path: Path) -> None:
    """Each is answered by the sentence, and the slot is free for the next request."""
    slow, photo = write_slow(tmp_path / "slow.jpg"), Path(write_photo(tmp_path / "photo.png"))
    with run_app(LIMITS) as app, Asking(app.address) as ask:
        bad, good = ask.upload(slow), ask.upload(photo)
        clip = ask.upload(write_slow_clip(tmp_path / "slow.gif"))
        ways: list[tuple[str, Callable[[], str]]] = [
            ("photo", lambda: ask.refusal("stylize", photo=bad)),
            ("painting", lambda: ask.refusal("paint", photo=bad)),
            ("sheet", lambda: ask.refusal("every_style", photo=bad)),
            ("all styles", lambda: ask.refusal("all_styles", photo=bad)),
            ("own style", lambda: ask.refusal("stylize", photo=good, style="own", own=bad)),
            ("own style, painted", lambda: ask.refusal("paint", photo=good, style="own", own=bad)),
            ("style to train", lambda: ask.refusal("train", style_picture=bad)),
            ("training photo", lambda: ask.refusal("train", style_picture=good, photos=[bad])),
            ("video", lambda: ask.refusal("make_video", clip=clip)),
            ("frame of a video", lambda: ask.refusal("preview_video", clip=clip)),
        ]
        for name, way in ways:
            assert "takes longer to decode than 0.4 s, the limit here" in way(), name
        assert ask("stylize", photo=good)
        assert "Traceback" not in app.said
