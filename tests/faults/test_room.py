"""No room on the disk, in a folder, in memory: a sentence, nothing half done, and a way to go on."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from impasto.errors import ImageError
from impasto.imaging import io
from impasto.imaging.animation import AnimationWriter
from tests.conftest import Picture
from tests.faults import checks
from tests.faults.conftest import BY_NAME, Undisturbed, names
from tests.faults.jobs import OUT, Job
from tests.faults.workplace import End, Nursery, prepare

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs limits as Linux has them"),
]

Mount = Callable[..., None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Make a folder a file system of its own, with options; needs the rights for that."""
    mounted: list[Path] = []

    def tmpfs(folder: Path, options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
            pytest.skip("a small file system needs root, and the right to mount")
        mounted.append(folder)

    yield tmpfs
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def assert_told(end: End, *words: str) -> None:
    """It ended by itself, with sentences and no traceback."""
    assert end.code == 1, end.said
    assert "Traceback" not in end.said, end.said
    assert "internal error" not in end.said, end.said
    errors = [line for line in end.said.splitlines() if line.startswith("error: ")]
    assert any(all(word in line for word in words) for line in errors), end.said


def assert_whole(folder: Path) -> None:
    assert checks.broken(folder) == []
    assert list((folder / OUT).rglob(".*")) == [], "drafts were left behind"


FULL = {"paint": 20, "stylize": 64, "train": 1200, "video": 12, "video to pictures": 64}  # kilobytes


@pytest.mark.parametrize("name", names("stylize", "video"))
def test_a_full_disk(
    name: str, nursery: Nursery, undisturbed: Undisturbed, tmp_path: Path, mount: Mount
) -> None:
    job = BY_NAME[name]
    folder = prepare(job, tmp_path / "room")
    mount(folder / OUT, f"size={FULL[name]}k")
    end = nursery.run(folder, job.begin, first=job.first)
    assert_told(end, "out/", "written in part" if name == "train" else "pace left on device")
    assert_whole(folder)
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder / OUT)], check=True)
    words = job.go_on(folder, job.begin)
    assert words is not None
    again = nursery.run(folder, words, first=job.first)
    assert again.code == 0, again.said
    assert checks.compare(job, folder, undisturbed(job)[0]) == []


@pytest.mark.parametrize("name", names("stylize", "video"))
def test_a_folder_that_is_read_only(name: str, nursery: Nursery, tmp_path: Path, mount: Mount) -> None:
    job = BY_NAME[name]
    folder = prepare(job, tmp_path / "room")
    mount(folder / OUT, "size=1m,ro")
    end = nursery.run(folder, job.begin, first=job.first)
    assert_told(end, "out")
    assert list((folder / OUT).iterdir()) == []


@pytest.mark.parametrize("name", names("stylize", "video")[1:])
@pytest.mark.parametrize("most", [2_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_files_that_may_not_grow(name: str, most: int, nursery: Nursery, tmp_path: Path) -> None:
    """As quotas have it, too: the bytes up to the limit are written, the rest is not."""
    job = BY_NAME[name]
    folder = prepare(job, tmp_path / "room")
    end = nursery.run(folder, job.begin, first=job.first, limits={"RLIMIT_FSIZE": most})
    assert_whole(folder)
    if end.code:
        assert_told(end, "writ", "ile too large")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".gif"])
def test_a_picture_that_lacks_its_last_bytes_is_none(suffix: str, picture: Picture, tmp_path: Path) -> None:
    """Pillow's own writing of JPEGs and GIFs takes a part for the whole."""
    image, path = picture("coffee", 64), tmp_path / f"picture{suffix}"

    def write() -> None:
        if suffix == ".gif":
            with AnimationWriter(path) as frames:
                frames.add(image)
        else:
            io.write(path, image)

    write()
    whole = path.read_bytes()
    path.unlink()
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    for missing in (1, 2, 40, len(whole) // 2):
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) - missing, most))
        try:
            with pytest.raises(ImageError, match=r"could not be written: File too large"):
                write()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        assert list(tmp_path.iterdir()) == []
    write()
    with Image.open(path) as found:
        found.load()


# glibc's loader gives up, or a library in C calls abort, or does not look whether it was given any
DIED_WITHOUT_MEMORY = (127, -signal.SIGABRT, -signal.SIGSEGV)
MUTE = ("Exception ignored in", "--- Logging error ---")  # Python has none for a few bytes


@pytest.mark.parametrize("name", names("paint", "stylize"))
@pytest.mark.parametrize("megabytes", [24, 64, pytest.param(96, marks=pytest.mark.slow)])
def test_memory_runs_out(name: str, megabytes: int, nursery: Nursery, tmp_path: Path) -> None:
    """Beyond what the imported program has; enough for some of them.

    Where a library in C dies for want of it, which no program can help, there is a little more next time.
    """
    job: Job = BY_NAME[name]
    for attempt in range(5):
        folder = prepare(job, tmp_path / f"room-{attempt}")
        limits = {"RLIMIT_AS": megabytes + 8 * attempt << 20}
        end = nursery.run(folder, job.begin, first=job.first, limits=limits, signals=[(240, signal.SIGKILL)])
        assert not end.was_killed, f"it hangs: {end.said}"
        assert checks.broken(folder) == []
        if end.code not in DIED_WITHOUT_MEMORY and not any(words in end.said for words in MUTE):
            break
    assert_whole(folder)
    if end.code:  # FFmpeg, where it cannot have memory or a thread, names other reasons
        assert_told(end, *([] if "video" in name else ["memory"]))
