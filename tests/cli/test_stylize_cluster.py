"""`impasto stylize --cluster`, and photos in stores, from the command line."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest
from PIL import Image

from impasto import networks
from impasto.networks.card import Card, save_card


@pytest.fixture
def album(workshop) -> Path:
    """Three photos, one that is damaged, and a card."""
    folder = workshop / "album"
    (folder / "deep").mkdir(parents=True)
    for name, size in (("a.png", (20, 12)), ("deep/b.jpg", (9, 24)), ("c.webp", (16, 16))):
        Image.open("photo.jpg").resize(size).save(folder / name)
    (folder / "cut.jpg").write_bytes(b"\xff\xd8 no")
    network = networks.build("light", channels=(8, 8), blocks=(0, 1, 0), last_channels=8)
    save_card(
        Card("light", network.config, network.state_dict(), style="night"), workshop / "night.safetensors"
    )
    return folder


@pytest.fixture
def stylize(impasto, album):
    def run(*arguments, **rest):
        return impasto("stylize", *arguments, "--style", "night.safetensors", "--runtime", "torch", **rest)

    return run


@pytest.fixture
def memory():
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


def test_without_ray_local_processes_do_the_same(stylize, album, monkeypatch):
    monkeypatch.setattr("impasto.stylizing.batch.ray_pool.find_spec", lambda name: None)
    result = stylize("album", "-o", "out", "--cluster", "auto", "--workers", 2)
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert lines[0].endswith("stylizing  0/4")
    assert lines[-2].startswith("error: album/cut.jpg is not a picture")
    assert lines[-1].startswith("3 stylized, 1 failed in ")
    (album / "cut.jpg").unlink()
    assert stylize("album", "-o", "alone").exit_code == 0
    for name in ("a.png", "deep/b.jpg", "c.webp"):
        assert Path("out", name).read_bytes() == Path("alone", name).read_bytes()
    again = stylize("album", "-o", "out", "--cluster", "auto")  # which needs no worker
    assert again.stderr.splitlines()[-1].startswith("0 stylized, 3 skipped in ")


def test_photos_and_pictures_in_stores(stylize, album, memory):
    assert stylize("album", "-o", "memory://painted").exit_code == 1
    assert sorted(name for name in memory.find("/painted") if ".impasto" not in name) == [
        "/painted/a.png", "/painted/c.webp", "/painted/deep/b.jpg",
    ]  # fmt: skip
    (album / "cut.jpg").unlink()
    result = stylize("album", "-o", "memory://painted")
    assert result.stderr.splitlines()[-1].startswith("0 stylized, 3 skipped in ")
    result = stylize("memory://painted/a.png", "-o", "memory://twice/a.png")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith("memory:///twice/a.png: 20 x 12 pixels")
    assert stylize("memory://painted/**/*.jpg", "-o", "back", "--quiet").output == ""
    with Image.open("back/deep/b.jpg") as picture:
        assert picture.size == (9, 24)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["album", "-o", "out", "--workers", "2"], 2, "add --cluster auto"),
        (["album", "-o", "out", "--cluster", "127.0.0.1:1"], 1, "no Ray cluster at 127.0.0.1:1"),
        (["album", "-o", "nowhere://x"], 2, "no store of the kind nowhere://"),
        (["memory://none", "-o", "out"], 1, "nothing at memory:///none"),
        (["memory://pictures", "-o", "out", "--dry-run"], 2, "--dry-run reads local photos only"),
        (["album", "-o", "album", "--cluster", "auto"], 2, "is one of the photos"),
    ],
)
def test_bad_input_gets_one_line(stylize, memory, arguments, code, words):
    pytest.importorskip("ray")
    memory.pipe("/pictures/a.png", Path("album/a.png").read_bytes())
    result = stylize(*arguments)
    assert result.exit_code == code, result.stderr
    assert words in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.output


def test_a_dry_run_of_a_cluster(stylize, album):
    (album / "cut.jpg").unlink()
    result = stylize("album", "-o", "out", "--cluster", "auto", "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert "memory" in result.stdout
    assert not Path("out").exists()


@pytest.mark.slow
def test_ray_is_silent(stylize, album):
    pytest.importorskip("ray.data")
    result = stylize("album", "-o", "out", "--cluster", "auto", "--workers", 2)
    assert result.exit_code == 1
    kinds = {line.partition(" ")[0] for line in result.stderr.splitlines()}
    assert kinds <= {"error:", "3", ""} | {word for word in kinds if word.endswith("%")}, result.stderr
    assert len(list(Path("out").rglob("*.*g"))) == 2
