"""Masks and shares of regions, at the size of what is painted and in parts."""

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import ImageError
from impasto.imaging.masks import read_mask
from impasto.stylizing import regions
from impasto.stylizing.regions import Masks, RegionWeights

HALVES = np.repeat(np.array([[255] * 20 + [0] * 20], np.uint8), 30, axis=0)


@pytest.fixture
def half(tmp_path):
    """White to the left."""
    Image.fromarray(HALVES).save(tmp_path / "half.png")
    return tmp_path / "half.png"


def test_a_mask_is_resized_and_that_is_said_once(half):
    masks = Masks([half])
    assert masks.notes == ()
    (mask,) = masks.parts((60, 80))
    assert torch.equal(mask, read_mask(half, (60, 80))[0])
    (note,) = masks.notes
    assert "half.png has 40 x 30 pixels and was resized to 80 x 60" in note
    masks.parts((30, 30))
    assert masks.notes == (note,)


def test_parts_are_of_the_whole(half, monkeypatch):
    for most in (4096, 50):  # pixels, beyond which masks are not as large as the picture
        monkeypatch.setattr(regions, "_MOST_SIDE", most)
        masks = Masks([half])
        (mask,), (part,) = masks.parts((90, 120)), masks.parts((90, 120), (20, 50, 70, 95))
        assert mask.shape == (1, 90, 120)
        torch.testing.assert_close(part, mask[:, 20:70, 50:95])
        assert (float(mask[..., :55].min()), float(mask[..., 66:].max())) == pytest.approx((1, 0), abs=1e-6)


def test_digests_tell_what_masks_show(half, tmp_path):
    Image.fromarray(HALVES).save(tmp_path / "same.tif")
    Image.fromarray(255 - HALVES).save(tmp_path / "other.png")
    one, same, other = (
        Masks([path]).digests for path in (half, tmp_path / "same.tif", tmp_path / "other.png")
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


def test_shares_sum_to_one(half):
    mask = read_mask(half, (30, 40))[0]
    ours, rest = RegionWeights([half], base=True).parts((30, 40))
    torch.testing.assert_close(ours, mask)
    torch.testing.assert_close(rest, 1 - mask)
    alone = RegionWeights([half], base=False)
    assert [float(share.min()) for share in alone.parts((30, 40))] == [1]
    (note,) = alone.notes
    assert note == "the regions leave 50.0% of the picture free, which the nearest one takes"


def test_without_masks_all_is_one_region():
    (share,) = RegionWeights([], base=True).parts((30, 40), (1, 2, 3, 4))
    assert share.expand(1, 2, 2).tolist() == [[[1, 1], [1, 1]]]
    assert Masks([]).parts((30, 40)) == ()
