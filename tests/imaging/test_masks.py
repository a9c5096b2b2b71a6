"""Masks as people make them: soft, small, empty, full, overlapping, with gaps."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from impasto.errors import ImageError, UsageError
from impasto.imaging import masks
from impasto.imaging.masks import Masks, RegionWeights, blend, read_mask, share_out

HALVES = np.repeat(np.array([[255] * 20 + [0] * 20], np.uint8), 30, axis=0)


def save(path: Path, rows: Sequence[Sequence[int]] | np.ndarray) -> Path:
    Image.fromarray(np.asarray(rows, np.uint8)).save(path)
    return path


def half(left: float, right: float, size: tuple[int, int] = (8, 12)) -> Tensor:
    """(1, H, W): one value in the left half, another in the right."""
    mask = torch.full((1, *size), float(left))
    mask[..., size[1] // 2 :] = right
    return mask


def test_gray_is_read_as_it_is(tmp_path: Path) -> None:
    rows = [[0, 64, 128], [255, 192, 1]]
    mask, notes = read_mask(save(tmp_path / "mask.png", rows), (2, 3))
    np.testing.assert_allclose(mask[0], np.array(rows) / 255, atol=1e-6)
    assert mask.dtype == torch.float32 and mask.shape == (1, 2, 3)
    assert notes == ()


def test_colors_are_read_by_their_luma_and_alpha_before_colors(tmp_path: Path) -> None:
    pixels = np.array([[[255, 0, 0, 255], [0, 255, 0, 255]]], np.uint8)
    mask, _ = read_mask(save(tmp_path / "colors.png", pixels[..., :3]), (1, 2))
    np.testing.assert_allclose(mask[0], [[0.2126, 0.7152]], atol=1e-6)
    pixels[..., 3] = [[51, 204]]
    mask, _ = read_mask(save(tmp_path / "alpha.png", pixels), (1, 2))
    np.testing.assert_allclose(mask[0], [[0.2, 0.8]], atol=1e-6)


def test_another_size_is_resized_and_said(tmp_path: Path) -> None:
    path = save(tmp_path / "mask.png", np.pad(np.full((10, 20), 255), ((0, 0), (20, 0))))
    mask, notes = read_mask(path, (30, 80))
    assert notes == (f"the mask {path} has 40 x 10 pixels and was resized to 80 x 30",)
    assert mask.shape == (1, 30, 80)
    assert mask[..., :35].max() == 0 and mask[..., 45:].min() > 0.99
    middle = mask[0, 0, 36:44]
    assert (middle.diff() >= 0).all() and ((middle > 0.05) & (middle < 0.95)).any(), "the edge is soft"


@pytest.mark.parametrize("level", [0, 1])
def test_a_black_mask_leaves_nothing_to_do(tmp_path: Path, level: int) -> None:
    path = save(tmp_path / "black.png", np.full((4, 4), level))
    with pytest.raises(ImageError, match=r"black\.png is black all over, which leaves nothing to style"):
        read_mask(path, (4, 4))


def test_a_speck_that_resizing_loses_is_black_too(tmp_path: Path) -> None:
    rows = np.zeros((900, 900), np.uint8)
    rows[450, 450] = 255
    path = save(tmp_path / "speck.png", rows)
    assert read_mask(path, (900, 900))[0].max() == 1
    with pytest.raises(ImageError, match=r"speck\.png is black all over"):
        read_mask(path, (9, 9))


def test_a_white_mask_is_said(tmp_path: Path) -> None:
    mask, notes = read_mask(save(tmp_path / "white.png", np.full((4, 4), 255)), (4, 4))
    assert mask.min() == 1
    (note,) = notes
    assert "white.png is white all over" in note


def test_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("white on the left")
    with pytest.raises(ImageError, match=r"words\.png is not a picture"):
        read_mask(tmp_path / "words.png", (4, 4))
    with pytest.raises(ImageError, match=r"absent\.png does not exist"):
        read_mask(tmp_path / "absent.png", (4, 4))


def test_regions_that_fit_stay_as_they_are() -> None:
    left, right = half(1, 0), half(0, 1)
    soft = torch.linspace(0, 1, 12).expand(1, 8, 12)
    for regions in ([left, right], [soft, 1 - soft]):
        shares, notes = share_out(regions)
        assert notes == ()
        assert all(torch.allclose(share, region) for share, region in zip(shares, regions, strict=True))


def test_overlaps_are_divided_and_said() -> None:
    shares, notes = share_out([half(1, 1), half(0, 0.5)])
    np.testing.assert_allclose(shares[0][0, 0, [0, -1]], [1, 2 / 3], atol=1e-6)
    np.testing.assert_allclose(shares[1][0, 0, [0, -1]], [0, 1 / 3], atol=1e-6)
    assert notes == ("the regions overlap in 50.0% of the picture, where they are mixed",)


def test_gaps_go_to_the_base() -> None:
    shares, notes = share_out([half(0.25, 1)], base=True)
    assert notes == ()
    np.testing.assert_allclose(torch.cat(shares)[:, 0, [0, -1]], [[0.25, 1], [0.75, 0]], atol=1e-6)
    shares, notes = share_out([torch.zeros(1, 4, 4)], base=True)
    assert shares[1].min() == 1 and notes == ()


def test_without_a_base_gaps_go_to_the_nearest_region() -> None:
    """Two corners, and a diagonal between them."""
    size = 60
    first, second = torch.zeros(1, size, size), torch.zeros(1, size, size)
    first[:, :10, :10], second[:, -10:, -10:] = 1, 1
    shares, (note,) = share_out([first, second])
    assert note == "the regions leave 94.4% of the picture free, which the nearest one takes"
    down, across = np.mgrid[:size, :size]
    to_first = np.hypot((down - 9).clip(0), (across - 9).clip(0))
    to_second = np.hypot((size - 10 - down).clip(0), (size - 10 - across).clip(0))
    clear = np.abs(to_first - to_second) > 8
    nearest = (to_first < to_second)[clear]
    np.testing.assert_array_equal(shares[0][0].numpy()[clear] > 0.5, nearest)
    np.testing.assert_allclose(sum(shares), torch.ones(1, size, size), atol=1e-6)


def test_large_gaps_around_a_speck() -> None:
    """A region of few pixels is not lost while gaps are filled at a smaller size."""
    speck, block = torch.zeros(1, 700, 900), torch.zeros(1, 700, 900)
    speck[:, 30:32, 40:42], block[:, :, 800:] = 1, 1
    shares, _ = share_out([speck, block])
    assert shares[0][0, 350, 100] > 0.99 and shares[1][0, 350, 790] > 0.99
    assert torch.equal(shares[0] + shares[1], torch.ones(1, 700, 900))


def test_a_few_pixels_are_not_worth_a_note() -> None:
    mask = torch.ones(1, 60, 60)
    mask[..., 0, 0] = 0
    assert share_out([mask])[1] == ()
    mask[..., 1, :4] = 0
    assert len(share_out([mask])[1]) == 1


def test_black_regions_without_a_base() -> None:
    with pytest.raises(UsageError, match="all regions are black"):
        share_out([torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)])


def test_blending() -> None:
    photo = torch.from_numpy(np.array(data.coffee()[:8, :12])).permute(2, 0, 1) / 255
    found = blend(1 - photo, photo, half(0.25, 1))
    assert torch.allclose(found[..., 6:], 1 - photo[..., 6:])
    assert torch.allclose(found[..., :6], 0.75 * photo[..., :6] + 0.25 * (1 - photo[..., :6]))
    assert torch.equal(blend((1 - photo)[None], photo[None], half(0.25, 1))[0], found)


@pytest.fixture
def half_regions(tmp_path):
    """White to the left."""
    Image.fromarray(HALVES).save(tmp_path / "half_regions.png")
    return tmp_path / "half_regions.png"


def test_a_mask_is_resized_and_that_is_said_once(half_regions):
    resized = Masks([half_regions])
    assert resized.notes == ()
    (mask,) = resized.parts((60, 80))
    assert torch.equal(mask, read_mask(half_regions, (60, 80))[0])
    (note,) = resized.notes
    assert "half_regions.png has 40 x 30 pixels and was resized to 80 x 60" in note
    resized.parts((30, 30))
    assert resized.notes == (note,)


def test_parts_are_of_the_whole(half_regions, monkeypatch):
    for most in (4096, 50):  # pixels, beyond which masks are not as large as the picture
        monkeypatch.setattr(masks, "_MOST_SIDE", most)
        resized = Masks([half_regions])
        (mask,), (part,) = resized.parts((90, 120)), resized.parts((90, 120), (20, 50, 70, 95))
        assert mask.shape == (1, 90, 120)
        torch.testing.assert_close(part, mask[:, 20:70, 50:95])
        assert (float(mask[..., :55].min()), float(mask[..., 66:].max())) == pytest.approx((1, 0), abs=1e-6)


def test_digests_tell_what_masks_show(half_regions, tmp_path):
    Image.fromarray(HALVES).save(tmp_path / "same.tif")
    Image.fromarray(255 - HALVES).save(tmp_path / "other.png")
    one, same, other = (
        Masks([path]).digests for path in (half_regions, tmp_path / "same.tif", tmp_path / "other.png")
    )
    assert one == same != other
    assert len(one[0]) == 16
    assert Masks([torch.from_numpy(HALVES)[None].expand(3, -1, -1) / 255]).digests == one


@pytest.mark.parametrize(
    ("name", "content", "words"), [("none.png", None, "does not exist"), ("text.png", b"text", "text.png"),
                                   ("black.png", 0, "black all over, which leaves nothing to style")]
)  # fmt: skip
def test_what_is_no_mask_is_told_at_once(tmp_path, name, content, words):
    if content == 0:
        Image.new("L", (40, 30)).save(tmp_path / name)
    elif content:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=words):
        Masks([tmp_path / name])


def test_a_dot_is_a_mask(tmp_path):
    """Though nothing would be left of it at another size."""
    dot = np.zeros((400, 400), np.uint8)
    dot[7, 9] = 255
    Image.fromarray(dot).save(tmp_path / "dot.png")
    assert Masks([tmp_path / "dot.png"]).digests


def test_shares_sum_to_one(half_regions):
    mask = read_mask(half_regions, (30, 40))[0]
    ours, rest = RegionWeights([half_regions], base=True).parts((30, 40))
    torch.testing.assert_close(ours, mask)
    torch.testing.assert_close(rest, 1 - mask)
    alone = RegionWeights([half_regions], base=False)
    assert [float(share.min()) for share in alone.parts((30, 40))] == [1]
    (note,) = alone.notes
    assert note == "the regions leave 50.0% of the picture free, which the nearest one takes"


def test_without_masks_all_is_one_region():
    (share,) = RegionWeights([], base=True).parts((30, 40), (1, 2, 3, 4))
    assert share.expand(1, 2, 2).tolist() == [[[1, 1], [1, 1]]]
    assert Masks([]).parts((30, 40)) == ()
