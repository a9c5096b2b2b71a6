"""The door between files and tensors: what goes in comes out."""

import json
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageCms
from PIL.TiffImagePlugin import IFDRational
from skimage import data

from impasto.errors import ImageError, UsageError
from impasto.imaging import io
from impasto.imaging.metadata import clean_exif, load_exif

SUFFIXES = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"]
TOLERANCE = {".jpg": 3, ".jpeg": 3, ".webp": 5, ".png": 0, ".tif": 0, ".tiff": 0}  # mean, in levels of 255
STYLE = "Hokusai 北斎 &amp; </impasto:record> <&>\"'"
RECORD = json.dumps({"style": STYLE, "steps": list(range(2000))}, ensure_ascii=False)


@pytest.fixture(scope="module")
def photo():
    """(3, 50, 64) of 8-bit values."""
    return io.read(np.asarray(Image.fromarray(data.coffee()).resize((64, 50))))[0]


@pytest.fixture(scope="module")
def alpha():
    """(1, 50, 64), a ramp over all 8-bit levels."""
    return torch.linspace(0, 255, 50 * 64).round().view(1, 50, 64) / 255


@pytest.fixture(scope="module")
def camera_exif():
    """EXIF as a phone writes it: camera, place, orientation, stored size, maker note, thumbnail."""
    exif = Image.Exif()
    exif.update({0x010F: "Maker", 0x0110: "Model", 0x0112: 6, 0x8298: "Ana", 0x010E: "A fox"})
    details = {0x9003: "2024:05:06 07:08:09", 0x829A: IFDRational(1, 250), 0x927C: b"secret sauce"}
    exif[ExifTags.IFD.Exif] = details | {0xA002: 4000, 0xA003: 3000}
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (48.0, 12.0, 3.5), 3: "E", 4: (11.0, 0.0, 0.0)}
    return exif


def levels_apart(one, other):
    return float((one - other).abs().mean()) * 255


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_survives(tmp_path, photo, camera_exif, suffix):
    path = tmp_path / f"painting{suffix}"
    io.write(path, photo, exif=clean_exif(camera_exif), record=RECORD)
    again, info = io.read(path)
    assert levels_apart(again, photo) <= TOLERANCE[suffix]
    assert again.dtype == torch.float32
    assert again.is_contiguous()
    assert (info.name, info.size, info.bit_depth, info.alpha, info.notes) == (
        str(path),
        (50, 64),
        8,
        None,
        (),
    )
    assert io.read_record(path) == RECORD
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    with Image.open(path) as picture:
        assert "sRGB" in ImageCms.getProfileDescription(
            ImageCms.ImageCmsProfile(BytesIO(picture.info["icc_profile"]))
        )


@pytest.mark.parametrize(
    ("suffix", "bit_depth"), [*((suffix, 8) for suffix in SUFFIXES), (".png", 16), (".tif", 16)]
)
def test_exif_stays_true(tmp_path, photo, camera_exif, suffix, bit_depth):
    path = tmp_path / f"painting{suffix}"
    io.write(path, photo, exif=clean_exif(camera_exif), bit_depth=bit_depth)
    exif = load_exif(io.read(path)[1].exif)
    details, place = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert dict(exif).items() >= {0x010F: "Maker", 0x0110: "Model", 0x8298: "Ana", 0x010E: "A fox"}.items()
    assert details == {0x9003: "2024:05:06 07:08:09", 0x829A: IFDRational(1, 250), 0x927C: b"secret sauce"}
    assert place == {1: "N", 2: (48.0, 12.0, 3.5), 3: "E", 4: (11.0, 0.0, 0.0)}
    assert 0x0112 not in exif


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_alpha_survives_with_the_colors_under_it(tmp_path, photo, alpha, suffix):
    path = tmp_path / f"painting{suffix}"
    io.write(path, photo, alpha=alpha)
    again, info = io.read(path)
    assert torch.equal(info.alpha, alpha)
    assert levels_apart(again, photo) <= TOLERANCE[suffix]


def test_jpeg_lays_transparency_over_white(tmp_path, photo, alpha):
    io.write(tmp_path / "a.jpg", photo, alpha=alpha, quality=100)
    again, info = io.read(tmp_path / "a.jpg")
    assert info.alpha is None
    assert levels_apart(again, photo * alpha + 1 - alpha) < 2


def test_an_opaque_alpha_channel_is_none(tmp_path, photo):
    io.write(tmp_path / "a.png", photo, alpha=torch.ones(1, 50, 64))
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "RGBA"
    assert io.read(tmp_path / "a.png")[1].alpha is None


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("opaque", [True, False])
def test_sixteen_bits_survive(tmp_path, alpha, suffix, opaque):
    values = np.random.default_rng(0).integers(0, 65536, (50, 64, 3), dtype=np.uint16)
    image, info = io.read(values)
    assert info.bit_depth == 16
    io.write(tmp_path / f"a{suffix}", image, alpha=None if opaque else alpha, bit_depth=16, record=RECORD)
    again, info = io.read(tmp_path / f"a{suffix}")
    assert torch.equal(again, image)
    assert info.bit_depth == 16
    assert info.alpha is None if opaque else torch.equal(info.alpha, alpha)
    assert io.read_record(tmp_path / f"a{suffix}") == RECORD


def test_jpeg_keeps_color_at_full_resolution(tmp_path, photo):
    io.write(tmp_path / "a.jpg", photo)
    with Image.open(tmp_path / "a.jpg") as picture:
        assert {(horizontal, vertical) for _, horizontal, vertical, _ in picture.layer} == {(1, 1)}


def test_exif_too_large_for_jpeg_does_not_lose_the_picture(tmp_path, photo):
    exif = Image.Exif()
    exif[ExifTags.IFD.Exif] = {0x927C: bytes(70_000)}
    io.write(tmp_path / "a.jpg", photo, exif=clean_exif(exif))
    assert io.read(tmp_path / "a.jpg")[1].exif is None


def test_a_picture_without_a_record_has_none(tmp_path, photo):
    for suffix in SUFFIXES:
        io.write(tmp_path / f"a{suffix}", photo)
        assert io.read_record(tmp_path / f"a{suffix}") is None
    with pytest.raises(ImageError, match="does not exist"):
        io.read_record(tmp_path / "absent.png")


def test_arrays_and_tensors_of_every_kind():
    pixels = np.asarray(Image.fromarray(data.coffee()).resize((6, 4)))
    expected = torch.tensor(pixels).permute(2, 0, 1) / 255
    opacity = np.arange(24, dtype=np.uint8).reshape(4, 6, 1)
    for source in (pixels, pixels.astype(np.uint16) * 257, pixels / 255, (pixels / 255).astype(np.float32)):
        assert torch.allclose(io.read(source)[0], expected, atol=1e-6)
    assert torch.equal(io.read(pixels[..., 0])[0], expected[:1].expand(3, -1, -1))
    assert torch.equal(io.read(pixels[..., :1])[0], expected[:1].expand(3, -1, -1))
    image, info = io.read(np.concatenate([pixels, opacity], axis=-1)[::-1])
    assert torch.equal(image, expected.flip(1))
    assert torch.equal(info.alpha[0], torch.from_numpy(opacity[::-1, :, 0] / np.float32(255)))
    for tensor in (expected, expected[None], expected.double(), torch.cat([expected, expected[:1]])):
        image, info = io.read(tensor)
        assert torch.equal(image, expected)
        assert (info.name, info.size, info.bit_depth) == ("image", (4, 6), 8)


def test_reading_a_tensor_copies_it(photo):
    original = photo.clone()
    io.read(original)[0].zero_()
    assert torch.equal(original, photo)


@pytest.mark.parametrize(
    "source",
    [
        np.zeros((4, 4, 2)), np.zeros((1, 4, 4, 3)), np.zeros(4), np.zeros((4, 4), np.int32),
        np.zeros((4, 4), bool), torch.zeros(4, 4), torch.zeros(2, 3, 4, 4), torch.zeros(1, 4, 4),
        torch.zeros(3, 4, 4, dtype=torch.uint8), 7, b"bytes", None,
    ],
)  # fmt: skip
def test_misuse(source):
    with pytest.raises(UsageError):
        io.read(source)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 255.0, -1.0])
def test_values_out_of_range(value):
    with pytest.raises(ImageError, match="range 0 to 1"):
        io.read(np.full((4, 4, 3), value))
    with pytest.raises(ImageError, match="range 0 to 1"):
        io.read(torch.full((3, 4, 4), value))


def test_empty_and_oversized_sources():
    for source in (np.zeros((0, 4, 3)), torch.zeros(3, 4, 0), Image.new("RGB", (0, 3))):
        with pytest.raises(ImageError, match="no pixels"):
            io.read(source)
    for source in (np.zeros((10, 10)), torch.zeros(3, 10, 10), Image.new("L", (10, 10))):
        with pytest.raises(ImageError, match="10 x 10 = 100 pixels, more than the limit of 99"):
            io.read(source, max_pixels=99)


def test_to_pil_rounds_and_clamps():
    image = torch.tensor([-1.0, 0.0, 0.4999 / 255, 0.5001 / 255, 1.0, 2.0]).expand(3, 1, 6)
    assert np.asarray(io.to_pil(image))[0, :, 0].tolist() == [0, 0, 0, 1, 255, 255]
    both = io.to_pil(image, torch.full((1, 1, 6), 0.5))
    assert both.mode == "RGBA"
    assert both.getpixel((0, 0)) == (0, 0, 0, 128)
    with pytest.raises(ImageError, match="NaN"):
        io.to_pil(torch.full((3, 2, 2), float("nan")))


def test_what_cannot_be_written(tmp_path, photo):
    for name, options, error, match in (
        ("a.gif", {}, UsageError, r"\.webp"),
        ("a", {}, UsageError, "suffix"),
        ("a.jpg", {"bit_depth": 16}, UsageError, "16 bits per channel as JPEG"),
        ("a.png", {"bit_depth": 12}, UsageError, "8 or 16"),
        ("a.jpg", {"quality": 0}, UsageError, "quality"),
        ("a.png", {"alpha": torch.ones(1, 2, 2)}, UsageError, "does not fit"),
        ("a.jpg", {"record": "x" * 70_000}, ImageError, r"a\.jpg could not be written"),
    ):
        with pytest.raises(error, match=match):
            io.write(tmp_path / name, photo, **options)
    for image, error in (
        (torch.zeros(1, 3, 4, 4), UsageError),
        (torch.full((3, 4, 4), torch.nan), ImageError),
    ):
        with pytest.raises(error):
            io.write(tmp_path / "a.png", image)
    with pytest.raises(UsageError, match="16383 pixels a side"):
        io.write(tmp_path / "a.webp", torch.zeros(3, 1, 16_384))
    assert list(tmp_path.iterdir()) == []


def test_check_output_comes_before_the_work(tmp_path):
    assert io.check_output(tmp_path / "a.PNG", bit_depth=16) == tmp_path / "a.PNG"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ImageError, match="there is no folder"):
        io.check_output(tmp_path / "absent" / "a.png")
    with pytest.raises(UsageError, match="is a folder"):
        io.check_output(tmp_path)
    with pytest.raises(UsageError, match="16 bits"):
        io.check_output(tmp_path / "a.webp", bit_depth=16)


def test_a_failed_write_leaves_the_old_picture(tmp_path, photo, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    io.write(tmp_path / "a.png", photo)
    before = (tmp_path / "a.png").read_bytes()
    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(ImageError, match=r"a\.png could not be written: No space left"):
        io.write(tmp_path / "a.png", 1 - photo)
    assert (tmp_path / "a.png").read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["a.png"]


RESOLUTIONS = {
    "png": ("PNG", {"dpi": (300, 300)}),
    "jpeg": ("JPEG", {"dpi": (300, 300)}),
    "tiff": ("TIFF", {"dpi": (300, 300)}),
    "bmp": ("BMP", {"dpi": (300, 300)}),
    "exif": ("JPEG", {"exif": {0x011A: 300.0, 0x011B: 300.0, 0x0128: 2}}),
    "centimeters": ("JPEG", {"exif": {0x011A: 300 / 2.54, 0x011B: 300 / 2.54, 0x0128: 3}}),
}


def with_exif(options):
    exif = Image.Exif()
    exif.update(options.get("exif", {}))
    return {**options, "exif": exif.tobytes()} if "exif" in options else options


@pytest.mark.parametrize(
    ("suffix", "bit_depth"), [*((one, 8) for one in SUFFIXES), (".png", 16), (".tif", 16)]
)
@pytest.mark.parametrize("source", RESOLUTIONS)
def test_pixels_per_inch_are_kept(tmp_path, photo, source, suffix, bit_depth):
    kind, options = RESOLUTIONS[source]
    io.to_pil(photo).save(tmp_path / "photo", kind, **with_exif(options))
    image, info = io.read(tmp_path / "photo")
    io.write(tmp_path / f"painting{suffix}", image, exif=info.exif, bit_depth=bit_depth)
    with Image.open(tmp_path / f"painting{suffix}") as painting:
        exif = painting.getexif()
        inch = 2.54 if exif[0x0128] == 3 else 1
        assert [float(exif[tag]) * inch for tag in (0x011A, 0x011B)] == pytest.approx([300, 300], abs=0.02)
        if suffix != ".webp":  # which has EXIF alone
            assert painting.info["dpi"] == pytest.approx((300, 300), abs=0.02)


def test_pixels_per_inch_turn_with_the_picture(tmp_path, photo):
    options = with_exif({"exif": {0x0112: 6}}) | {"dpi": (300, 150)}
    io.to_pil(photo).save(tmp_path / "photo.jpg", **options)
    image, info = io.read(tmp_path / "photo.jpg")
    io.write(tmp_path / "painting.png", image, exif=info.exif)
    with Image.open(tmp_path / "painting.png") as painting:
        assert painting.info["dpi"] == pytest.approx((150, 300), abs=0.02)


@pytest.mark.parametrize("options", [{}, {"exif": {0x010F: "Maker"}}, {"exif": {0x011A: 0.0, 0x011B: 0.0}}])
def test_pixels_per_inch_are_not_made_up(tmp_path, photo, options):
    io.to_pil(photo).save(tmp_path / "photo.jpg", **with_exif(options))
    image, info = io.read(tmp_path / "photo.jpg")
    io.write(tmp_path / "painting.png", image, exif=info.exif)
    with Image.open(tmp_path / "painting.png") as painting:
        assert "dpi" not in painting.info


def test_pixels_per_inch_beside_damaged_exif(tmp_path, photo):
    io.to_pil(photo).save(tmp_path / "a.png", dpi=(300, 300), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    image, info = io.read(tmp_path / "a.png")
    io.write(tmp_path / "b.png", image, exif=info.exif)
    with Image.open(tmp_path / "b.png") as painting:
        assert painting.info["dpi"] == pytest.approx((300, 300), abs=0.02)
