"""The image door: any kind of picture in, one picture out, and a record that says how it was made."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import impasto
from impasto.errors import ImageError, MemoryLimitError, UsageError, WeightsError
from impasto.imaging import io
from impasto.imaging.detail import return_detail
from impasto.imaging.geometry import resize
from impasto.painting import base as easel_module
from impasto.painting.base import options_from
from impasto.painting.inputs import initial_image
from impasto.painting.options import PaintOptions
from impasto.painting.paint import Painter, make_options, paint
from impasto.progress import Step

Picture = Callable[[str, int], Tensor]


@pytest.fixture(scope="module")
def photo(picture: Picture) -> Image.Image:
    return io.to_pil(picture("coffee", 60))


@pytest.fixture(scope="module")
def style(picture: Picture) -> Image.Image:
    return io.to_pil(picture("chelsea", 60))


@pytest.fixture(scope="module")
def quick(compact_file: Path) -> dict[str, Any]:
    """Options that paint in a moment."""
    return {
        "size": 40,
        "scales": 1,
        "iterations": 4,
        "backbone": str(compact_file),
        "style_layers": "relu1_1,relu2_1",
        "content_layers": "relu2_1",
        "device": "cpu",
        "precision": "float32",
    }


@pytest.fixture(scope="module")
def painting(photo: Image.Image, style: Image.Image, quick: dict[str, Any]) -> NDArray[np.uint8]:
    return np.asarray(paint(photo, style, **quick))


def half_transparent(image: Image.Image) -> Image.Image:
    alpha = np.full((image.height, image.width), 255, np.uint8)
    alpha[:, : image.width // 2] = 0
    seen = image.convert("RGBA")
    seen.putalpha(Image.fromarray(alpha))
    return seen


def test_result_is_a_painting_of_the_photo(
    painting: NDArray[np.uint8], photo: Image.Image, style: Image.Image, quick: dict[str, Any]
) -> None:
    result = paint(photo, style, **quick)
    assert (result.mode, result.size) == ("RGB", (40, 27))
    small = np.asarray(photo.resize((40, 27), Image.Resampling.BICUBIC), float)
    assert 1 < np.abs(painting - small).mean() < 80


def as_file(image: Image.Image, folder: Path) -> Path:
    path = folder / f"{id(image)}.png"
    image.save(path)
    return path


@pytest.mark.parametrize(
    "given",
    [
        lambda image, folder: str(as_file(image, folder)),
        as_file,
        lambda image, folder: image,
        lambda image, folder: np.asarray(image),
        lambda image, folder: np.asarray(image, np.float32) / 255,
        lambda image, folder: torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255,
    ],
    ids=["str", "path", "pillow", "uint8", "float", "tensor"],
)
def test_every_kind_of_picture_gives_the_same_painting(
    tmp_path: Path,
    painting: NDArray[np.uint8],
    photo: Image.Image,
    style: Image.Image,
    quick: dict[str, Any],
    given: Callable[[Image.Image, Path], io.Source],
) -> None:
    result = paint(given(photo, tmp_path), given(style, tmp_path), **quick)
    np.testing.assert_array_equal(np.asarray(result), painting)


def test_same_seed_same_painting_other_strength_another(
    painting: NDArray[np.uint8], photo: Image.Image, style: Image.Image, quick: dict[str, Any]
) -> None:
    np.testing.assert_array_equal(np.asarray(paint(photo, style, 0.5, seed=0, **quick)), painting)
    assert (np.asarray(paint(photo, style, 0.9, **quick)) != painting).any()


def test_transparency_of_the_photo_is_restored(
    photo: Image.Image, style: Image.Image, quick: dict[str, Any]
) -> None:
    result = paint(half_transparent(photo), style, **quick | {"init": "photo"})
    assert (result.mode, result.size) == ("RGBA", (40, 27))
    alpha = np.asarray(result)[..., 3]
    assert alpha[:, :19].max() == 0
    assert alpha[:, 21:].min() == 255
    whole = paint(photo, style, **quick | {"init": "photo"})
    np.testing.assert_array_equal(np.asarray(result)[..., :3], np.asarray(whole))  # it is painted under, too


def test_hidden_colors_of_the_photo_do_not_count(
    photo: Image.Image, style: Image.Image, quick: dict[str, Any]
) -> None:
    cut = half_transparent(photo)
    repainted = np.array(cut)
    repainted[repainted[..., 3] == 0, :3] = (255, 0, 255)
    starts = [Painter(one, style, PaintOptions(**quick)) for one in (cut, Image.fromarray(repainted))]
    one, other = (initial_image(p.photo, p.styles, (27, 40), p.options, alpha=p.alpha) for p in starts)
    torch.testing.assert_close(one[..., 22:], other[..., 22:], atol=0.02, rtol=0)


def test_transparent_part_of_a_style_is_not_seen(
    photo: Image.Image, style: Image.Image, quick: dict[str, Any], painting: NDArray[np.uint8]
) -> None:
    cut = half_transparent(style)
    repainted = np.array(cut)
    repainted[repainted[..., 3] == 0, :3] = (255, 0, 255)
    one, other = paint(photo, cut, **quick), paint(photo, repainted, **quick)
    np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    assert (np.asarray(one) != painting).any()


def test_wholly_transparent_style(photo: Image.Image, style: Image.Image, quick: dict[str, Any]) -> None:
    invisible = style.convert("RGBA")
    invisible.putalpha(0)
    with pytest.raises(ImageError, match="wholly transparent: there is no style to see in it"):
        paint(photo, invisible, **quick)


def test_several_styles_in_every_spelling(
    photo: Image.Image, style: Image.Image, quick: dict[str, Any], painting: NDArray[np.uint8]
) -> None:
    def same(styles: Any) -> bool:
        return bool((np.asarray(paint(photo, styles, **quick)) == painting).all())

    assert same([style])
    assert same((style, 2.5))
    assert same([(style, 1), (photo, 0)])
    mixed = np.asarray(paint(photo, [(style, 1), (photo, 3.0)], **quick))
    assert (mixed != painting).any()
    for spelling in (((style, 1), (photo, 3)), [(style, 0.5), (photo, np.float32(1.5))]):
        np.testing.assert_array_equal(np.asarray(paint(photo, spelling, **quick)), mixed)
    both = np.asarray(paint(photo, [style, photo], **quick))
    np.testing.assert_array_equal(np.asarray(paint(photo, (style, photo), **quick)), both)


@pytest.mark.parametrize(
    ("weights", "message"),
    [([], "at least one style"), ([0.0], "sum must be positive"), ([1.0, -1.0], "must not be negative")],
)
def test_styles_that_mean_nothing(
    photo: Image.Image, style: Image.Image, quick: dict[str, Any], weights: list[float], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        paint(photo, [(style, weight) for weight in weights], **quick)


def test_callback_sees_every_step(photo: Image.Image, style: Image.Image, quick: dict[str, Any]) -> None:
    seen: list[Step] = []
    result = paint(photo, style, callback=seen.append, **{**quick, "scales": (20, 40), "iterations": 5})
    assert [step.scale for step in seen] == [0, 0, 0, 1, 1]
    assert seen[-1].done == pytest.approx(1)
    np.testing.assert_array_equal(np.asarray(io.to_pil(seen[-1].image)), np.asarray(result))


def test_callback_can_end_the_work(photo: Image.Image, style: Image.Image, quick: dict[str, Any]) -> None:
    seen: list[Step] = []

    def stop(step: Step) -> None:
        seen.append(step)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paint(photo, style, callback=stop, **quick)
    assert len(seen) == 1


def test_any_step_can_be_finished_at_full_size(
    photo: Image.Image, style: Image.Image, quick: dict[str, Any]
) -> None:
    options = make_options(**{**quick, "scales": (20, 40)})
    painter = Painter(half_transparent(photo), style, options)
    first = next(painter.steps())
    assert first.size == (13, 20)
    image, alpha = painter.finish(first)
    assert alpha is not None
    assert (image.shape, alpha.shape) == ((3, 27, 40), (1, 27, 40))


def test_wrong_option_names_those_there_are(photo: Image.Image, style: Image.Image) -> None:
    with pytest.raises(
        UsageError, match=r"no option sise: choose among size, strength, effort, iterations, .*precision"
    ):
        paint(photo, style, sise=64)
    with pytest.raises(UsageError, match="strength must be from 0 to 1, not 50"):
        paint(photo, style, 50)


@pytest.mark.parametrize(
    ("option", "error", "message"),
    [
        ({"backbone": "no-such-file.safetensors"}, WeightsError, "no weights file no-such-file.safetensors"),
        ({"style_layers": "relu9_1"}, UsageError, "has no layer relu9_1: choose among relu1_1"),
        ({"init": "no-such-picture.png"}, ImageError, "no-such-picture.png does not exist"),
        ({"iterations": 1, "scales": 2}, UsageError, "1 iterations do not suffice for 2 scales"),
        ({"size": 16, "style_layers": "relu5_1"}, UsageError, "at 11 pixels .* needs 16: choose a larger"),
    ],
)
def test_what_cannot_be_done_is_told_before_the_work(
    photo: Image.Image,
    style: Image.Image,
    quick: dict[str, Any],
    option: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        Painter(photo, style, make_options(**{**quick, **option}))


@pytest.mark.parametrize("place", ["photo", "style"])
def test_picture_that_is_not_there(style: Image.Image, quick: dict[str, Any], place: str) -> None:
    pictures = {"photo": style, "style": style, place: "gone.jpg"}
    with pytest.raises(ImageError, match=r"gone\.jpg does not exist"):
        paint(pictures["photo"], pictures["style"], **quick)


def test_too_little_memory_is_told_before_the_work(
    monkeypatch: pytest.MonkeyPatch, photo: Image.Image, style: Image.Image, quick: dict[str, Any]
) -> None:
    monkeypatch.setattr(easel_module, "available_memory", lambda device: 400 << 20)
    monkeypatch.setattr(easel_module, "paint_steps", None)
    with pytest.raises(MemoryLimitError, match=r"0\.4 GB are free: try size=\d+"):
        paint(photo, style, **{**quick, "size": 4000})


def test_max_pixels_holds_for_every_picture(
    photo: Image.Image, style: Image.Image, quick: dict[str, Any]
) -> None:
    options = make_options(**quick)
    small = photo.resize((32, 32))
    Painter(small, small, options, max_pixels=1024)
    for pictures in ((photo, small), (small, photo)):
        with pytest.raises(ImageError):
            Painter(*pictures, options, max_pixels=1024)


def test_estimates_before_the_work(photo: Image.Image, style: Image.Image, quick: dict[str, Any]) -> None:
    painter = Painter(photo, style, make_options(**quick))
    assert 100 << 20 < painter.memory() < 2 << 30
    assert painter.seconds() > 0
    assert painter.size == (27, 40)
    assert painter.tile is None


def test_memory_counts_what_was_read(photo: Image.Image, style: Image.Image, quick: dict[str, Any]) -> None:
    """Once as it is kept, and once more while it is read."""
    small, large = (
        Painter(photo.resize(size), style, make_options(**quick)).memory()
        for size in ((600, 400), (6000, 4000))
    )
    assert large - small == pytest.approx(2 * 6000 * 4000 * 12, rel=0.1)


def test_tiles_that_are_asked_for(photo: Image.Image, style: Image.Image, quick: dict[str, Any]) -> None:
    painter = Painter(photo, style, make_options(**{**quick, "tile": 64}))
    assert painter.tile == 64
    assert json.loads(painter.record(next(painter.steps())))["options"]["tile"] == 64


def test_scarce_memory_brings_tiles(
    monkeypatch: pytest.MonkeyPatch, photo: Image.Image, style: Image.Image, quick: dict[str, Any]
) -> None:
    """At 2000 pixels, with half a gigabyte: the estimate is for what will be done."""
    options = make_options(**{**quick, "size": 2000})
    monkeypatch.setattr(easel_module, "available_memory", lambda device: 1 << 40)
    ample = Painter(photo, style, options)
    assert ample.tile is None
    whole = ample.memory()
    monkeypatch.setattr(easel_module, "available_memory", lambda device: 700 << 20)
    assert ample.tile == 512
    assert ample.memory() < whole


def test_painting_starts_from_a_file(
    tmp_path: Path, photo: Image.Image, style: Image.Image, quick: dict[str, Any]
) -> None:
    path = as_file(style, tmp_path)
    painter = Painter(photo, style, make_options(**{**quick, "init": str(path)}))
    expected = np.asarray(paint(photo, style, **{**quick, "init": "style"}))
    *_, step = painter.steps()
    np.testing.assert_array_equal(np.asarray(io.to_pil(step.image)), expected)


def test_record_repeats_the_painting(
    tmp_path: Path, photo: Image.Image, style: Image.Image, quick: dict[str, Any]
) -> None:
    options = make_options(**quick, strength=0.7, seed=3, style_loss="moments")
    painter = Painter(photo, [(style, 3), (photo, 1)], options)
    *_, step = painter.steps()
    record = painter.record(step)
    path = tmp_path / "painting.png"
    io.write(path, step.image, record=record)
    assert options_from(path) == options
    told = json.loads(record)
    assert told["impasto"] == impasto.__version__
    assert told["styles"] == [0.75, 0.25]
    assert told["done"] == 1
    assert told["losses"] == {name: pytest.approx(v, abs=1e-6) for name, v in step.losses.items()}


def left_half(size: tuple[int, int]) -> Image.Image:
    """A mask of (width, height)."""
    mask = Image.new("L", size)
    mask.paste(255, (0, 0, size[0] // 2, size[1]))
    return mask


def test_a_mask_leaves_the_photo_where_it_is_black(
    photo: Image.Image, style: Image.Image, quick: dict[str, Any]
) -> None:
    painter = Painter(photo, style, make_options(**quick), mask=left_half(photo.size))
    *_, step = painter.steps()
    image, _ = painter.finish(step)
    small = resize(painter.photo[None], painter.size)[0]
    assert torch.equal(image[:, :, 22:], small[:, :, 22:])
    assert (image[:, :, :18] - small[:, :, :18]).abs().mean() > 0.01
    assert painter.notes == []


def test_regions_have_styles_of_their_own(
    photo: Image.Image, style: Image.Image, quick: dict[str, Any], tmp_path: Path
) -> None:
    """By files or by pairs; the style without a mask takes the rest."""
    other, mask = style.rotate(90, expand=True), left_half(photo.size)
    path = tmp_path / "left.png"
    mask.save(path)
    one, two = (
        np.asarray(paint(photo, other, region=region, **quick))
        for region in ({str(path): style}, [(mask, [style])])
    )
    np.testing.assert_array_equal(one, two)
    alone = np.asarray(paint(photo, other, **quick))
    assert (one[:, :18] != alone[:, :18]).mean() > 0.3


def test_regions_without_a_style_for_the_rest(
    photo: Image.Image, style: Image.Image, quick: dict[str, Any]
) -> None:
    painter = Painter(photo, None, make_options(**quick), region=[(left_half((30, 20)), style)])
    assert [style.region for style in painter.styles] == [0]
    torch.testing.assert_close(painter.regions[0], torch.ones(1, *painter.size))
    resized, free = painter.notes
    assert resized == "the mask image has 30 x 20 pixels and was resized to 60 x 40"
    assert free.endswith("of the picture free, which the nearest one takes")


def test_no_style_at_all(photo: Image.Image, quick: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="at least one style"):
        paint(photo, **quick)


@pytest.mark.parametrize("how", ["luminance", "histogram", "lab-transfer"])
def test_colors_are_kept(photo: Image.Image, style: Image.Image, quick: dict[str, Any], how: str) -> None:
    """The photo's mean color comes nearer."""
    gray = style.convert("L").point(lambda level: level // 2).convert("RGB")
    options = {**quick, "iterations": 12, "strength": 0.9}
    wanted = np.asarray(photo, float).mean((0, 1))
    plain, kept = (
        np.abs(np.asarray(paint(photo, gray, keep_color=kind, **options), float).mean((0, 1)) - wanted).max()
        for kind in ("none", how)
    )
    assert kept < plain


def test_detail_returns(
    photo: Image.Image, style: Image.Image, quick: dict[str, Any], painting: NDArray[np.uint8]
) -> None:
    painter = Painter(photo, style, make_options(**quick, detail=1.0))
    *_, step = painter.steps()
    small = resize(painter.photo[None], painter.size)[0]
    torch.testing.assert_close(painter.finish(step)[0], return_detail(step.image, small, 1.0))
    np.testing.assert_array_equal(np.asarray(io.to_pil(step.image)), painting)


def test_record_with_an_older_name(tmp_path: Path) -> None:
    path = tmp_path / "painting.png"
    io.write(path, torch.zeros(3, 4, 4), record=json.dumps({"options": {"style_size": 2.0}}))
    assert options_from(path) == PaintOptions(stroke_size=2.0)


def test_record_of_another_version_may_know_more(tmp_path: Path) -> None:
    path = tmp_path / "painting.png"
    stored = {"options": {"strength": 0.8, "scales": [128, 512], "brush": "wide"}}
    io.write(path, torch.zeros(3, 4, 4), record=json.dumps(stored))
    assert options_from(path) == PaintOptions(strength=0.8, scales=(128, 512))


@pytest.mark.parametrize(
    "record",
    [
        None,
        "no JSON",
        "[1, 2]",
        "3",
        "{}",
        '{"options": [1]}',
        '{"options": {"strength": 7}}',
        '{"options": {"size": "big"}}',
        '{"options": {"style_layers": 5}}',
        '{"options": {"scales": {}}}',
        '{"options": {"backbone": 5}}',
        '{"options": {"init": null}}',
        '{"options": {"normalize": "no"}}',
        '{"options": ' + 3000 * "[" + 3000 * "]" + "}",
        '{"options": {"scales": ' + 700 * "[" + 700 * "]" + "}}",
    ],
)
def test_picture_without_a_record(tmp_path: Path, record: str | None) -> None:
    path = tmp_path / "some.png"
    io.write(path, torch.zeros(3, 4, 4), record=record)
    with pytest.raises(UsageError, match=r"some\.png holds no record of its options"):
        options_from(path)


def test_public_names() -> None:
    assert impasto.paint is paint
    assert impasto.Painter is Painter
    assert issubclass(impasto.ImpastoError, Exception)
    with pytest.raises(AttributeError, match="no attribute 'pain'"):
        impasto.pain  # noqa: B018
