"""Small files that would keep a decoder busy for minutes are refused by what they hold too much of."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from impasto.errors import ImageError
from impasto.imaging import io, limits
from impasto.imaging.sources import find_size, open_large

COFFEE = Image.fromarray(data.coffee()).resize((24, 16))
JPEG_SEGMENTS, GIF_BLOCKS, AVIF_ITEMS, AVIF_BOXES = 8, 2, 3, 14  # of those that Pillow writes


def encode(kind: str, picture: Image.Image = COFFEE, **options: object) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg_of_scans(count: int) -> bytes:
    """The last scan of a progressive JPEG, again and again."""
    whole = encode("JPEG", progressive=True)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * (count - whole.count(b"\xff\xda")) + whole[-2:]


def jpeg_of_segments(count: int, marker: int = 0xE1, content: bytes = b"x") -> bytes:
    whole = encode("JPEG")
    return whole[:2] + segment(marker, content) * count + whole[2:]


def directory(place: int, following: int, extra: list[tuple[int, int, int, int]]) -> bytes:
    """A TIFF's directory of a gray picture of 4 x 4 pixels: (tag, type, count, value), in order of tags."""
    tags = [
        (256, 4, 1, 4), (257, 4, 1, 4), (258, 4, 1, 8), (259, 4, 1, 1), (262, 4, 1, 1), (273, 4, 1, 8),
        (277, 4, 1, 1), (278, 4, 1, 4), (279, 4, 1, 16), *extra,
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *each) for each in tags)
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)


def tiff_of_pages(count: int) -> bytes:
    length = len(directory(0, 0, []))
    places = [24 + length * index for index in range(count)]
    pages = (directory(place, place + length if place != places[-1] else 0, []) for place in places)
    return struct.pack("<2sHI16x", b"II", 42, 24) + b"".join(pages)


def tiff_of_tags(count: int, size: int) -> bytes:
    """Every tag refers to the same bytes, at the end of the file."""
    length = len(directory(0, 0, [(0, 0, 0, 0)] * count))
    extra = [(1000 + index, 1, size, 24 + length) for index in range(count)]
    return struct.pack("<2sHI16x", b"II", 42, 24) + directory(24, 0, extra) + bytes(size)


def gif_with(extra: bytes) -> bytes:
    return encode("GIF", COFFEE.convert("L"))[:-1] + extra + b";"


def gif_of_frames(count: int) -> bytes:
    return gif_with((b"," + struct.pack("<4H", 0, 0, 1, 1) + b"\0\2\2L\1\0") * (count - 1))


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_with(extra: bytes) -> bytes:
    whole = encode("PNG")
    return whole[:33] + extra + whole[33:]


def riff(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def webp_of_frames(count: int) -> bytes:
    canvas = struct.pack("<I", 23)[:3] + struct.pack("<I", 15)[:3]
    frame = riff(b"ANMF", bytes(6) + canvas + bytes(4) + encode("WEBP", lossless=True)[12:])
    parts = riff(b"VP8X", b"\2\0\0\0" + canvas) + riff(b"ANIM", bytes(6)) + frame * count
    return riff(b"RIFF", b"WEBP" + parts)


def run_length_bmp(width: int, height: int) -> bytes:
    """One pixel a row: decoders fill in the rest."""
    whole = bytearray(encode("BMP", COFFEE.quantize(4)))
    struct.pack_into("<ii", whole, 18, width, height)
    struct.pack_into("<I", whole, 30, 1)
    return bytes(whole[: struct.unpack_from("<I", whole, 10)[0]]) + b"\1\0\0\0" * height + b"\0\1"


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def avif_with(extra: bytes) -> bytes:
    """Boxes behind the pixels, where positions of what is before do not change."""
    return encode("AVIF", speed=10) + extra


def avif_of_frames(count: int) -> bytes:
    """A sequence that claims more frames than it has."""
    frames = [COFFEE.rotate(angle) for angle in range(3)]
    whole = bytearray(encode("AVIF", frames[0], save_all=True, append_images=frames[1:], speed=10))
    struct.pack_into(">I", whole, whole.index(b"stsz") + 12, count)
    return bytes(whole)


def avif_of_items(count: int, wide: int = 2) -> bytes:
    """References from one item: to as many as a box can name, in as many boxes as that takes."""
    parts = [min(60_000, count - start) for start in range(0, count, 60_000)]
    number = ">I" if wide == 4 else ">H"
    boxes = (
        box(b"dimg", struct.pack(number, 1) + struct.pack(">H", part) + bytes(wide * part)) for part in parts
    )
    return avif_with(box(b"meta", bytes(4) + box(b"iref", bytes([wide == 4, 0, 0, 0]) + b"".join(boxes))))


def heic_of(avif: bytes) -> bytes:
    """The boxes of an AVIF under the brand of a HEIC."""
    return avif.replace(b"avif", b"heic").replace(b"avis", b"heic")


# by the word in the message: a file that holds as many
FILES: dict[str, Callable[[int], bytes]] = {
    "scans": jpeg_of_scans,
    "EXIF segments": lambda count: jpeg_of_segments(count, content=b"Exif\0\0"),
    "segments": lambda count: jpeg_of_segments(count - JPEG_SEGMENTS),
    "directories": tiff_of_pages,
    "tags": lambda count: tiff_of_tags(count - 9, 0),
    "frames": gif_of_frames,
    "comment blocks": lambda count: gif_with(b"!\xfe" + b"\1x" * count + b"\0"),
    "data blocks": lambda count: gif_with(b"!\xff" + b"\1x" * (count - GIF_BLOCKS) + b"\0"),
    "chunks": lambda count: png_with(chunk(b"prVt") * (count - 2)),
    "color profiles": lambda count: png_with(chunk(b"iCCP", b"p\0\0" + zlib.compress(b"x")) * count),
    "items": lambda count: avif_of_items(count - AVIF_ITEMS),
    "boxes": lambda count: avif_with(box(b"free", b"") * (count - AVIF_BOXES)),
    "comments": lambda count: b"P3 1 2 255\n" + b"#\n" * count + b"1 2 3 4 5 6 ",
    "run-length coded pixels": lambda count: run_length_bmp(count // 8, 8),
}


@pytest.fixture
def read_bytes(tmp_path: Path) -> Callable[[bytes], tuple[int, int]]:
    def read(content: bytes) -> tuple[int, int]:
        (tmp_path / "picture").write_bytes(content)
        return io.read(tmp_path / "picture")[1].size

    return read


Read = Callable[[bytes], tuple[int, int]]


@pytest.mark.parametrize("what", FILES)
def test_as_many_as_may_be_and_one_more(what: str, read_bytes: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 80
    monkeypatch.setitem(limits.MOST, what, most)
    whole = FILES[what](most)
    if what != "run-length coded pixels":  # of which the file has too few for Pillow
        assert min(read_bytes(whole)) > 0
    more = FILES[what](most + (8 if "pixels" in what else 1))
    assert more != whole
    with pytest.raises(ImageError, match=rf"picture has more than 80 {what}, the limit .*; save it anew"):
        read_bytes(more)


def test_every_limit_is_tested() -> None:
    assert set(FILES) | {"bytes of tags"} == set(limits.MOST)


BUSY: dict[str, tuple[str, Callable[[], bytes]]] = {
    "scans of a progressive JPEG": ("100 scans", lambda: jpeg_of_scans(400)),
    "EXIF in parts": (
        "64 EXIF segments",
        lambda: jpeg_of_segments(1500, content=b"Exif\0\0" + bytes(60_000)),
    ),
    "EXIF behind an end": (
        "64 EXIF segments",
        lambda: b"\xff\xd8\xff\xd9\xff\xc8\x01\x00" + jpeg_of_segments(65, content=b"Exif\0\0")[2:],
    ),
    "pages of a TIFF": ("20,000 directories", lambda: tiff_of_pages(60_000)),
    "values of a TIFF": (r"\d+,\d+,\d+ bytes of tags", lambda: tiff_of_tags(2000, 60_000)),
    "values of EXIF": (
        r"\d+,\d+,\d+ bytes of tags",
        lambda: encode("JPEG", exif=b"Exif\0\0" + tiff_of_tags(2500, 30_000)),
    ),
    "frames that an APNG promises": (
        "100,000 frames",
        lambda: png_with(chunk(b"acTL", struct.pack(">II", 3_000_000, 0))),
    ),
    "frames of a WebP": ("100,000 frames", lambda: webp_of_frames(100_001)),
    "frames of an AVIF": ("100,000 frames", lambda: avif_of_frames(100_001)),
    "tiles of an AVIF": ("10,000 items", lambda: avif_of_items(10_001)),
    "tiles of a HEIC": ("10,000 items", lambda: heic_of(avif_of_items(10_001, wide=4))),
    "items that an AVIF promises": (
        "10,000 items",
        lambda: avif_with(box(b"meta", bytes(4) + box(b"iinf", b"\1\0\0\0\xff\xff\xff\xff"))),
    ),
    "places that an AVIF promises": (
        "10,000 items",
        lambda: avif_with(box(b"meta", bytes(4) + box(b"iloc", b"\2\0\0\0\x44\0" + b"\xff" * 4))),
    ),
    "boxes behind a long one": (
        "100,000 frames",
        lambda: avif_with(struct.pack(">I4sQ", 1, b"moov", 32) + box(b"stsz", bytes(8) + b"\xff" * 4)),
    ),
    "rows of a run-length BMP": ("25,000,000 run-length coded pixels", lambda: run_length_bmp(60_000, 2000)),
}


@pytest.mark.parametrize("name", BUSY)
def test_files_that_would_keep_decoders_busy(name: str, read_bytes: Read, tmp_path: Path) -> None:
    words, make = BUSY[name]
    for refuse in (
        read_bytes,
        lambda _: find_size(tmp_path / "picture"),
        lambda _: open_large(tmp_path / "picture"),
    ):
        with pytest.raises(ImageError, match=f"picture has more than {words}, the limit"):
            refuse(make())


@pytest.mark.parametrize("order", ["<", ">"])
def test_values_behind_a_tag_that_leads_to_more(order: str, read_bytes: Read) -> None:
    """The directory of EXIF details in a PNG, behind its pixels, as a number that is stored apart."""
    details = struct.pack(order + "H", 2000) + b"".join(
        struct.pack(order + "HHII", 40_000 + index, 1, 50_000, 64) for index in range(2000)
    )
    head = b"II" if order == "<" else b"MM"
    main = struct.pack(order + "2sHIHHHIII", head, 42, 8, 1, 0x8769, 16, 1, 26, 0) + struct.pack(
        order + "Q", 64
    )
    exif = main.ljust(64, b"\0") + details + bytes(50_000)
    whole = encode("PNG")
    with pytest.raises(ImageError, match=r"bytes of tags, the limit"):
        read_bytes(whole[:-12] + chunk(b"eXIf", exif) + whole[-12:])


@pytest.mark.filterwarnings("ignore:Truncated File Read")
def test_damaged_exif_that_promises_much_is_left_out(tmp_path: Path) -> None:
    """What is not in the file is not read, and no picture is lost for it."""
    exif = b"Exif\0\0" + struct.pack("<2sHIHHHII", b"II", 42, 8, 9, 271, 2, 1 << 31, 8)
    (tmp_path / "a.jpg").write_bytes(encode("JPEG", exif=exif))
    assert io.read(tmp_path / "a.jpg")[1].size == (16, 24)


def test_what_follows_the_picture_is_not_counted(read_bytes: Read) -> None:
    """Phones put a second picture, or a film, behind the end of the first."""
    assert read_bytes(encode("JPEG") + b"\xff\xda\0\2" * 200) == (16, 24)


def test_pixels_of_a_binary_ppm_are_no_comments(read_bytes: Read) -> None:
    assert read_bytes(b"P6 40 30 255\n" + b"#" * 3600) == (30, 40)


def test_marks_in_pixels_and_segments_are_not_scans(read_bytes: Read) -> None:
    assert read_bytes(jpeg_of_segments(2, 0xE5, b"\xff\xda\0\2" * 200)) == (16, 24)
