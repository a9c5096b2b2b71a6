"""Files appear whole or not at all, whatever goes wrong."""

import errno
import os
import resource
import socket
import stat

import pytest

from impasto.errors import ImageError, UsageError, VideoError
from impasto.imaging import io
from impasto.imaging.files import check_target, open_file, replacing, short_hash
from impasto.imaging.video.open import open_clip
from impasto.training.photos import find_photos


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_new_file_takes_the_place_of_the_old(tmp_path):
    target = tmp_path / "picture.png"
    target.write_bytes(b"old")
    with replacing(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["picture.png"]


@pytest.mark.skipif(os.name == "nt", reason="Windows replaces no open file")
def test_the_old_file_is_never_written_to(tmp_path):
    """Who has it open reads it to its end: the new one is another file, which takes the name."""
    target = tmp_path / "picture.png"
    target.write_bytes(b"old")
    with target.open("rb") as reader:
        with replacing(target) as temporary:
            temporary.write_bytes(b"new")
        assert reader.read() == b"old"


@pytest.mark.parametrize("failure", [RuntimeError("bug"), KeyboardInterrupt()])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    target = tmp_path / "picture.png"
    target.write_bytes(b"old")
    with pytest.raises(type(failure)), replacing(target) as temporary:
        temporary.write_bytes(b"half")
        raise failure
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["picture.png"]


def test_a_full_disk_is_one_sentence_with_the_name(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = tmp_path / "picture.png"
    target.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    expected = r"picture\.png could not be written: No space left"
    with pytest.raises(ImageError, match=expected), replacing(target) as temporary:
        temporary.write_bytes(b"new")
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["picture.png"]


def test_a_file_size_limit_of_the_system_is_reported(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(ImageError, match=r"big\.png"), replacing(tmp_path / "big.png") as temporary:
            temporary.write_bytes(bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(tmp_path) == []


def test_permissions_are_those_of_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "a.png") as temporary:
            temporary.write_bytes(b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o640


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"old")
    (tmp_path / "link.png").symlink_to(tmp_path / "real" / "a.png")
    with replacing(tmp_path / "link.png") as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "real" / "a.png").read_bytes() == b"new"


def test_targets_that_cannot_be(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UsageError, match="is a folder"):
        check_target(tmp_path)
    with pytest.raises(ImageError, match="there is no folder"):
        check_target(tmp_path / "absent" / "a.png")
    for path in (tmp_path / "file" / "a.png", tmp_path / "loop" / "a.png", "nul\0.png"):
        with pytest.raises(ImageError, match="cannot be written"):
            check_target(path)
        with pytest.raises(ImageError, match=r"(cannot|could not) be written"), replacing(path) as temporary:
            temporary.write_bytes(b"x")
    assert check_target(tmp_path / "a.png") == tmp_path / "a.png"


@pytest.mark.parametrize("letter", ["a", "é"])
def test_names_as_long_as_can_be(tmp_path, letter):
    """And one letter more, which is found before the work, as is a path with too many folders."""
    stem = letter * (251 // len(letter.encode()))
    target = check_target(tmp_path / f"{stem}.png")
    with replacing(target) as temporary:
        temporary.write_bytes(b"new")
    assert target.read_bytes() == b"new"
    for long in (f"{stem}{letter}{letter}.png", "x/" * 4000 + "a.png"):
        with pytest.raises(
            ImageError, match=r"\.png cannot be written: File name too long; choose a shorter"
        ):
            check_target(tmp_path / long)


@pytest.mark.parametrize("suffix", ["." + "s" * 253, ".s\udcff"])
def test_a_long_suffix_makes_no_long_draft(tmp_path, suffix):
    with replacing(tmp_path / f"a{suffix}") as temporary:
        temporary.write_bytes(b"new")
    assert names(tmp_path) == [f"a{suffix}"]


def test_an_unwritable_folder_is_found_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(ImageError, match="not writable"):
        check_target(tmp_path / "a.png")


def test_a_pipe_is_refused_at_once(tmp_path):
    """Opening one waits until somebody writes into it."""
    pipe, link = tmp_path / "photo.jpg", tmp_path / "link.jpg"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(ImageError, match="is a pipe, not a file: save its content to a file first"):
            open_file(path)
        with pytest.raises(ImageError, match="is a pipe"):
            io.read(path)
        with pytest.raises(VideoError, match="is a pipe"):
            open_clip(path)
        with pytest.raises(ImageError, match="is a pipe"):
            find_photos([path]).open(0)


def test_sockets_and_devices_are_refused(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(ImageError, match="is a socket, not a file"):
            open_file(tmp_path / "s")
    with pytest.raises(ImageError, match="/dev/zero is a device, not a file"):
        open_file("/dev/zero")


def test_hash_of_all_parts():
    assert short_hash([b"abc"]) == "ba7816bf8f01cfea"  # of FIPS 180-2
    assert short_hash(iter([b"a", b"", b"bc"]), digits=12) == "ba7816bf8f01"
