"""A trained style at a strength: pictures in and out, tensors in and out."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image
from torch import Tensor

import impasto
from impasto import networks
from impasto.errors import ImageError, MemoryLimitError, UsageError, WeightsError
from impasto.networks.mixing import interpolate
from impasto.stylizing import Stylizer
from impasto.stylizing.estimate import bytes_per_pixel, check_memory


@pytest.fixture
def photo(picture) -> Tensor:
    return picture("coffee", 40)


def exact(*arguments, **options):
    return Stylizer(*arguments, precision="float32", device="cpu", **options)


def plain(card, image):
    """The network itself."""
    return card.build()(image[None])[0].clamp(0, 1)


def same(one, other):
    torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


# --- which style --------------------------------------------------------------------------------------------


def test_a_style_is_a_name_a_file_or_a_card(family, cards_folder, photo):
    expected = plain(family["night"], photo)
    for style in ("night", family["night"], cards_folder / "night.safetensors",
                  str(cards_folder / "night.safetensors"), ("night", 0.3), ["night"], [("night", 2)],
                  "night:7"):  # fmt: skip
        stylizer = exact(style)
        same(stylizer.picture(photo), expected)
        assert (stylizer.name, stylizer.notes) == ("night", ())


def test_the_public_door(family, photo):
    same(
        impasto.load("night", device="cpu", precision="float32").picture(photo), plain(family["night"], photo)
    )
    assert isinstance(impasto.load(["night:1", "wave:1"], 0.5), impasto.Stylizer)


@pytest.mark.parametrize(
    ("style", "error", "words"),
    [
        ("nigth", UsageError, "no style nigth: did you mean night\\?.*night, wave"),
        ("none.safetensors", WeightsError, "no style card none.safetensors"),
        ("wave.jpg", UsageError, "there is no file wave.jpg: did you mean wave\\?"),
        (("night", -1.0), UsageError, "from 0 up"),
        (["night:0", "wave:0"], UsageError, "sum above 0"),
        ("night:-1", UsageError, "night:-1: the weight"),
        ([], UsageError, "at least one"),
        (7, UsageError, "a name, a file or a Card, not int"),
    ],
)
def test_no_style(family, style, error, words):
    with pytest.raises(error, match=words):
        Stylizer(style)


@pytest.mark.parametrize("strength", [-0.01, 1.01, math.nan, math.inf, "much", None])
def test_strength_has_a_range(family, strength):
    with pytest.raises(UsageError, match="strength must be from 0 to 1"):
        Stylizer("night", strength)


@pytest.mark.parametrize("options", [{"device": "abacus"}, {"precision": "float8"}])
def test_devices_and_precisions_have_names(family, options):
    with pytest.raises(UsageError, match="must be one of auto"):
        Stylizer("night", **options)


def test_a_card_whose_weights_are_damaged(family):
    torn = dict(family["night"].tensors)
    del torn["last.conv2d.bias"]
    with pytest.raises(WeightsError, match="night do not fit"):
        Stylizer(replace(family["night"], tensors=torn))


# --- strength and mixtures ----------------------------------------------------------------------------------


def test_strength_leads_from_the_identity_to_the_style(family, photo):
    primed, night = family["primed"], family["night"]
    same(exact("night", 0.0).picture(photo), plain(primed, photo))
    same(exact("night", 0.3).picture(photo), plain(interpolate([(primed, 0.7), (night, 0.3)]), photo))
    assert exact("night", 0.3).notes == ()
    assert not torch.allclose(plain(primed, photo), plain(night, photo), atol=0.05)


def test_strength_of_a_stranger_blends_with_the_photo(family, photo):
    stranger = family["stranger"]
    same(exact(stranger, 0.25).picture(photo), 0.25 * plain(stranger, photo) + 0.75 * photo)
    same(exact(stranger, 0.0).picture(photo), photo)
    (note,) = exact(stranger, 0.5).notes
    assert note == "stranger did not start from the shipped primed weights: strength blends picture and photo"
    assert exact(stranger).notes == ()


def test_without_primed_weights_strength_blends(family, photo, monkeypatch):
    monkeypatch.setattr("impasto.networks.card._FILE", Path("none"))
    same(exact("night", 0.5).picture(photo), 0.5 * plain(family["night"], photo) + 0.5 * photo)


def test_styles_of_a_family_share_a_network(family, photo):
    mixed = interpolate([(family["night"], 0.6), (family["wave"], 0.4)])
    both = exact([("night", 3), ("wave", 2)])
    same(both.picture(photo), plain(mixed, photo))
    same(exact(["night:0.6", "wave:0.4"]).picture(photo), plain(mixed, photo))
    assert (both.name, both.notes) == ("night:0.6 wave:0.4", ())
    weaker = interpolate([(mixed, 0.5), (family["primed"], 0.5)])
    same(exact(["night:0.6", "wave:0.4"], 0.5).picture(photo), plain(weaker, photo))


def test_pictures_of_strangers_are_blended(family, photo):
    night, stranger = family["night"], family["stranger"]
    both = exact([(night, 1), (stranger, 3), ("wave", 0)])
    same(both.picture(photo), 0.25 * plain(night, photo) + 0.75 * plain(stranger, photo))
    (note,) = both.notes
    assert note.startswith("night and stranger did not start from the same primed weights")
    parts = [plain(interpolate([(night, 1), (family["primed"], 1)]), photo), plain(stranger, photo), photo]
    half = exact([(night, 1), (stranger, 1)], 0.5)
    same(half.picture(photo), 0.5 * parts[0] + 0.25 * parts[1] + 0.25 * parts[2])
    assert len(half.notes) == 2


def test_the_record_tells_weights_and_strength(family):
    record = exact(["night:3", "wave:1"], 0.5).record()
    assert record["strength"] == 0.5
    assert [(part["style"], part["weight"]) for part in record["styles"]] == [("night", 0.75), ("wave", 0.25)]
    assert record != exact(["night:1", "wave:1"], 0.5).record()


# --- tensors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 33, 17), (2, 3, 8, 24), (1, 3, 5, 64), (3, 16, 16)])
def test_any_shape_comes_back(family, shape):
    image = torch.rand(shape)
    before = image.clone()
    painted = Stylizer("night").picture(image)
    assert (painted.shape, painted.dtype) == (image.shape, torch.float32)
    assert 0 <= painted.min() <= painted.max() <= 1
    assert torch.equal(image, before)


def test_a_batch_is_its_images(family):
    batch, stylizer = torch.rand(3, 3, 20, 28), exact("night")
    same(stylizer.picture(batch), torch.stack([stylizer.picture(image) for image in batch]))


def test_other_floats_and_bfloat16(family, photo):
    expected = exact("night").picture(photo)
    same(exact("night").picture(photo.double()), expected)
    half = exact("night").picture(photo.half())
    quick = Stylizer("night", device="cpu", precision="bfloat16").picture(photo)
    for near in (half, quick):
        assert near.dtype == torch.float32
        assert (near - expected).abs().mean() < 0.02


def test_the_result_is_an_ordinary_tensor(family, photo):
    scale = torch.ones(1, requires_grad=True)
    (Stylizer("night").picture(photo) * scale).sum().backward()
    assert scale.grad > 0


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        (torch.rand(4, 8, 8), UsageError, "not \\(4, 8, 8\\)"),
        (torch.rand(3, 8), UsageError, "not \\(3, 8\\)"),
        (torch.rand(3, 0, 8), UsageError, "not \\(3, 0, 8\\)"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), UsageError, "divide bytes by 255"),
        (torch.rand(3, 8, 8) * 255, ImageError, "range 0 to 1"),
        (torch.full((3, 8, 8), math.nan), ImageError, "nan"),
    ],
)
def test_no_image(family, image, error, words):
    with pytest.raises(error, match=words):
        Stylizer("night").picture(image)


# --- pictures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (33, 17), (64, 3)])
def test_the_size_stays_to_the_pixel(family, draw, size):
    painted = Stylizer("night")(draw("p.png", size))
    assert (painted.size, painted.mode) == (size, "RGB")


def test_photos_of_every_kind(family, draw):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    stylizer = exact("night")
    for path, size in (
        (draw("cmyk.jpg", mode="CMYK"), (40, 30)),
        (draw("gray.png", mode="L"), (40, 30)),
        (draw("palette.gif", mode="P"), (40, 30)),
        (draw("turned.jpg", exif=exif), (30, 40)),
    ):
        assert stylizer(path).size == size
    levels = (np.asarray(Image.open(draw("deep.png"))).astype(np.uint16)) * 257
    expected = np.asarray(stylizer(draw("deep.png")))
    assert (np.asarray(stylizer(levels)) == expected).all()
    assert (np.asarray(stylizer(Image.open(draw("deep.png")))) == expected).all()


def test_alpha_stays(family, draw):
    path = draw("clear.png", mode="RGBA")
    painted = Stylizer("night")(path)
    assert painted.mode == "RGBA"
    assert painted.getchannel("A").tobytes() == Image.open(path).getchannel("A").tobytes()


def test_hidden_colors_have_no_influence(family, photo):
    alpha = torch.zeros(1, *photo.shape[1:])
    alpha[..., :20] = 0.5
    black, white = (torch.where(alpha > 0, photo, torch.full_like(photo, level)) for level in (0.0, 1.0))
    stylizer = exact("night")
    same(stylizer.picture(black, alpha), stylizer.picture(white, alpha))
    assert not torch.allclose(stylizer.picture(black), stylizer.picture(white), atol=0.01)
    same(stylizer.picture(photo, torch.zeros_like(alpha)), stylizer.picture(photo))


# --- frames -------------------------------------------------------------------------------------------------


def as_frame(image):
    return image.mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()


@pytest.mark.parametrize("strength", [1.0, 0.5])
@pytest.mark.parametrize("styles", [["night"], ["night:1", "stranger:2"]])
def test_a_frame_is_its_picture(family, cards_folder, photo, styles, strength):
    names = [style.replace("stranger", str(cards_folder / "stranger.safetensors")) for style in styles]
    stylizer = exact(names, strength)
    frame = as_frame(photo)
    frame.flags.writeable = False
    painted = stylizer.frame(frame)
    assert (painted.dtype, painted.shape, painted.flags.c_contiguous) == (np.uint8, frame.shape, True)
    picture = stylizer.picture(torch.tensor(frame).permute(2, 0, 1) / 255)
    assert np.abs(painted.astype(int) - as_frame(picture)).max() == 0


@pytest.mark.parametrize(
    "frame",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 0, 3), np.uint8),
     np.zeros((4, 4, 3), np.float32), np.zeros((3, 4, 4), np.uint8)],
)  # fmt: skip
def test_no_frame(family, frame):
    with pytest.raises(UsageError, match=r"a frame is \(H, W, 3\) of uint8, not \(\d"):
        exact("night").frame(frame)


def test_a_frame_too_large_is_told(family, monkeypatch):
    stylizer = exact("night")
    monkeypatch.setattr("impasto.stylizing.stylizer.available_memory", lambda device: 1000)
    with pytest.raises(MemoryLimitError, match="a picture of 40 x 30 pixels"):
        stylizer.frame(np.zeros((30, 40, 3), np.uint8))


# --- memory -------------------------------------------------------------------------------------------------


def test_too_large_is_told_before_the_work(family, photo, monkeypatch):
    stylizer = Stylizer("night")
    monkeypatch.setattr("impasto.stylizing.stylizer.available_memory", lambda device: 1000)
    with pytest.raises(MemoryLimitError, match=r"a picture of 40 x 27 pixels needs about .* GB"):
        stylizer.picture(photo)


def test_the_advice_fits():
    with pytest.raises(MemoryLimitError, match=r"20000 x 10000 .* try size") as caught:
        check_memory((10000, 20000), 300, 4 << 30)
    side = int(str(caught.value).rpartition("=")[2])
    assert 2000 < side < 10000
    check_memory((side // 2, side), 300, 4 << 30)


def test_a_batch_that_does_not_fit_is_split(family, monkeypatch):
    stylizer, batch = exact("night"), torch.rand(5, 3, 16, 16)
    expected = stylizer.picture(batch)
    room = int(2.5 * stylizer.per_pixel * 16 * 16)
    monkeypatch.setattr("impasto.stylizing.stylizer.available_memory", lambda device: room)
    counts = []
    paint = stylizer._paint
    monkeypatch.setattr(
        stylizer, "_paint", lambda photos, how: counts.append(len(photos)) or paint(photos, how)
    )
    same(stylizer.picture(batch), expected)
    assert counts == [2, 2, 1]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_memory_that_runs_out_is_told(family, photo, monkeypatch, error):
    def fail(photos, how):
        raise error

    stylizer = Stylizer("night")
    monkeypatch.setattr(stylizer, "_paint", fail)
    with pytest.raises(MemoryLimitError, match="memory ran out at 40 x 27 pixels; try size=28"):
        stylizer.picture(photo)


@pytest.mark.parametrize(("name", "measured"), [("transformer_net", 708), ("encoder_decoder", 396)])
def test_bytes_per_pixel(name, measured):
    """Not less than what a process grew by, per pixel of 1024 x 1024, and not much more."""
    network = networks.build(name).requires_grad_(False)
    assert measured < bytes_per_pixel(network) < 1.3 * measured


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bytes_per_pixel_are_those_of_a_large_picture(monkeypatch, dtype):
    """Kernels that follow from others have one size for all pictures."""
    network = networks.build("light").requires_grad_(False).to(dtype)
    found = bytes_per_pixel(network, dtype)
    monkeypatch.setattr("impasto.stylizing.estimate._TRIAL_SIDE", 1024)
    assert found == pytest.approx(bytes_per_pixel(network, dtype), rel=0.03)
