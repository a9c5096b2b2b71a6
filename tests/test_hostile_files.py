"""Files that were made to harm: small ones that would be large in memory, videos that refer to others' files,
texts that command a terminal. What SECURITY.md promises of files and no room's own tests hold.
"""

from __future__ import annotations

import io
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import pytest
import pyvips
import torch
from PIL import Image
from skimage import data
from typer.testing import CliRunner

from impasto import styles
from impasto.cli import app
from impasto.cli.display import plain
from impasto.errors import ImageError, ImpastoError, VideoError, WeightsError
from impasto.imaging import io as pictures
from impasto.imaging.sources import Streamed
from impasto.imaging.video.open import open_clip
from impasto.networks.card import load_card, save_card
from impasto.training.checkpoints import load_checkpoint, save_checkpoint
from impasto.training.photos import Shard
from impasto.weights import load_tensors
from tests.clips import pan, write_clip

MANY = 4_000_000  # numbers, of which the bombs have 16 MB
CLIPS = ("film.ts", "film.mp4")


def squeeze(path: Path) -> None:
    """The same archive with its members compressed, which torch reads as well."""
    with zipfile.ZipFile(path) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_weights_that_unpack_to_more_than_they_are(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    torch.save({"weight": torch.zeros(MANY)}, path)
    assert load_tensors(path)["weight"].numel() == MANY
    squeeze(path)
    assert path.stat().st_size < 100_000
    assert torch.load(path, weights_only=True)["weight"].numel() == MANY, "torch would unpack it"
    with pytest.raises(WeightsError, match=r"cannot read .*bomb\.pth"):
        load_tensors(path)


def test_checkpoints_that_unpack_to_more_than_they_are(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"seed": 1}, {"weight": torch.zeros(MANY)})
    assert load_checkpoint(path, {"seed": 1})["weight"].numel() == MANY
    squeeze(path)
    with pytest.raises(WeightsError, match=r"checkpoint\.pt is no checkpoint, or damaged"):
        load_checkpoint(path, {"seed": 1})


def test_one_number_that_stands_for_a_million_million(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    torch.save({"good": torch.ones(2), "bad": torch.zeros(1).expand(10**12)}, path)
    assert path.stat().st_size < 10_000
    with pytest.raises(WeightsError, match=r"bad in .*bomb\.pth says that it has more numbers than"):
        load_tensors(path)


def test_views_that_share_their_numbers_are_read(tmp_path: Path) -> None:
    """As published checkpoints have them: not every tensor fills its storage."""
    whole = torch.arange(12.0).reshape(3, 4)
    torch.save({"row": whole[1], "turned": whole.T}, tmp_path / "a.pth")
    found = load_tensors(tmp_path / "a.pth")
    assert torch.equal(found["row"], whole[1])
    assert torch.equal(found["turned"], whole.T)


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png_with(extra: bytes) -> bytes:
    """A small PNG with one more chunk in front of its pixels."""
    buffer = io.BytesIO()
    Image.fromarray(data.coffee()).resize((32, 24)).save(buffer, "PNG")
    return buffer.getvalue()[:33] + extra + buffer.getvalue()[33:]


@pytest.fixture(scope="module")
def squeezed() -> bytes:
    """128 megabytes of zeros in one eighth of one."""
    packer, block = zlib.compressobj(9), bytes(1 << 20)
    return b"".join([*(packer.compress(block) for _ in range(128)), packer.flush()])


def test_texts_in_a_picture_are_not_unpacked_without_end(tmp_path: Path, squeezed: bytes) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_with(chunk(b"zTXt", b"Comment\0\0" + squeezed)))
    with pytest.raises(ImageError, match=r"bomb\.png .*Decompressed data too large"):
        pictures.read(path)
    with pytest.raises(ImageError, match=r"bomb\.png .*Decompressed data too large"):
        pictures.read_record(path)


def test_a_color_profile_is_not_unpacked_without_end(tmp_path: Path, squeezed: bytes) -> None:
    """The picture is read without it, or not at all."""
    path = tmp_path / "bomb.png"
    path.write_bytes(png_with(chunk(b"iCCP", b"profile\0\0" + squeezed)))
    try:
        picture, _ = pictures.read(path)
        with Image.open(path) as opened:
            assert not opened.info.get("icc_profile")
        assert picture.shape == (3, 24, 32)
    except ImpastoError as error:
        assert re.search(r"bomb\.png", str(error))


@pytest.fixture
def films(tmp_path: Path) -> Path:
    for name in CLIPS:
        write_clip(tmp_path / name, pan(3))
    return tmp_path


PLAYLISTS: dict[str, str] = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\nfilm.ts\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile film.mp4\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_video_does_not_bring_in_other_files(films: Path, kind: str) -> None:
    playlist = films / f"list-{kind}.{'m3u8' if kind == 'hls' else 'mp4'}"
    playlist.write_text(PLAYLISTS[kind])
    with av.open(str(playlist)) as container:
        assert len(list(container.decode(video=0))) == 3, "FFmpeg alone would"
    with pytest.raises(VideoError, match=rf"list-{kind}\.\w+ is not a video"):
        open_clip(playlist)
    for name in CLIPS:
        assert len(list(open_clip(films / name).frames())) == 3


def test_what_libvips_does_not_answer_for_is_not_decoded(tmp_path: Path) -> None:
    if not pyvips.type_find("VipsForeignLoad", "svgload"):
        pytest.skip("this libvips has no decoder for SVG")
    path = tmp_path / "drawing.tif"
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="9"/></svg>')
    pyvips.block_untrusted_set(False)
    assert pyvips.Image.new_from_file(str(path)).width == 40, "libvips alone would"
    with pytest.raises(ImageError, match=r"drawing\.tif"):
        Streamed(str(path))


def evil(tar: tarfile.TarFile, name: str, write: Callable[[tarfile.TarInfo], None]) -> None:
    member = tarfile.TarInfo(name)
    write(member)
    picture = png_with(b"")
    member.size = len(picture) if member.isreg() else 0
    tar.addfile(member, io.BytesIO(picture))


def test_archives_write_nothing_and_lead_nowhere(tmp_path: Path) -> None:
    """Names that lead out are names in messages; links and devices are no photos."""

    def link(member: tarfile.TarInfo) -> None:
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"

    def hard(member: tarfile.TarInfo) -> None:
        member.type, member.linkname = tarfile.LNKTYPE, "../secret.png"

    def device(member: tarfile.TarInfo) -> None:
        member.type = tarfile.CHRTYPE

    inside = tmp_path / "inside"
    inside.mkdir()
    with tarfile.open(inside / "shard.tar", "w") as tar:
        evil(tar, "../../outside.png", lambda member: None)
        evil(tar, "/absolute.png", lambda member: None)
        for name, write in (("link.png", link), ("hard.png", hard), ("device.png", device)):
            evil(tar, name, write)
    shard = Shard(inside / "shard.tar")
    assert [shard.name(index).partition("shard.tar/")[2] for index in range(len(shard))] == [
        "../../outside.png",
        "/absolute.png",
    ]
    with shard.open(0) as photo:
        assert photo.size == (32, 24)
    assert [path.name for path in tmp_path.rglob("*")] == ["inside", "shard.tar"]


CONTROLS = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe"


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card.safetensors"
    shipped = load_card(next(iter(styles.cards().values())))
    save_card(
        replace(shipped, style=f"wave{CONTROLS}", title=f"[red]{CONTROLS}", origin=f'"><script>{CONTROLS}'),
        path,
    )
    return path


def commanding(text: str) -> list[str]:
    return re.findall(r"[^\x20-\x7e\n\u2026\ufffd]", text)


def test_cards_do_not_command_the_terminal(card: Path, tmp_path: Path) -> None:
    table = CliRunner().invoke(app, ["styles", str(card)], env={"COLUMNS": "200"})
    assert "wave" in table.stdout and "[red]" in table.stdout
    as_json = CliRunner().invoke(app, ["styles", str(card), "--json"])
    missing = CliRunner().invoke(
        app, ["stylize", f"{tmp_path}/{CONTROLS}.jpg", "-o", "a.jpg", "--style", "x"]
    )
    assert missing.exit_code == 1 or missing.exit_code == 2
    assert commanding(CONTROLS), "the test would see them"
    for text in (table.output, missing.output):
        assert commanding(text) == []
    assert "\x1b" not in as_json.output and "\x07" not in as_json.output


def test_cards_bring_no_code_into_a_page(card: Path, tmp_path: Path) -> None:
    page = tmp_path / "sheet.html"
    result = CliRunner().invoke(app, ["styles", str(card), "--sheet", str(page)])
    assert result.exit_code == 0, result.output
    text = page.read_text(encoding="utf-8")
    assert "&lt;script&gt;" in text
    assert "<script" not in text


def test_texts_stay_readable() -> None:
    assert plain("Große Welle, 神奈川沖浪裏, שלום") == "Große Welle, 神奈川沖浪裏, שלום"
    assert plain("a\x1b[31mb\r\n\x9bc\u2028\udcff") == r"a\x1b[31mb\r\n\x9bc\u2028\udcff"


FORGED = "forged: all is well"
BROKEN = f"a\n{FORGED}\u2028{FORGED}\x85{FORGED}\r{FORGED}"


def test_names_of_files_forge_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo, a style, a card and a folder of such names, where they are printed."""
    monkeypatch.chdir(tmp_path)
    folder = Path("photos", BROKEN)
    folder.mkdir(parents=True)
    Image.fromarray(data.coffee()).resize((48, 32)).save("good.png")
    (folder / f"{BROKEN}.jpg").write_bytes(b"\xff\xd8 damaged")
    Path(f"{BROKEN}.png").write_bytes(Path("good.png").read_bytes())
    shipped = load_card(next(iter(styles.cards().values())))
    save_card(replace(shipped, style=BROKEN, title=""), Path(f"{BROKEN}.safetensors"))
    for arguments in (
        ["stylize", "photos", "-o", "out", "--style", f"{BROKEN}.safetensors"],
        ["stylize", "good.png", "-o", "out", "--style", f"{BROKEN}.safetensors", "--dry-run"],
        ["stylize", "good.png", "-o", f"{BROKEN}/x.png", "--style", next(iter(styles.cards()))],
        ["stylize", f"{BROKEN}.jpg", "-o", "out", "--style", f"{BROKEN}.png"],
        ["paint", "good.png", "good.png", "--init", f"{BROKEN}.png", "--dry-run", "--size", "32"],
        ["styles", f"{BROKEN}.safetensors"],
        ["video", f"{BROKEN}.png", "x.mp4", "--style", next(iter(styles.cards()))],
    ):
        said = CliRunner().invoke(app, arguments, env={"COLUMNS": "400"}).output
        assert FORGED in said, arguments
        assert not [line for line in re.split(r"[\n\r\x85\u2028]", said) if line.strip().startswith("forged")]
        assert commanding(said) == []
