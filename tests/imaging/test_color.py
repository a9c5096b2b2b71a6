"""Color management against an independent calculation from the profiles' matrices."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data

from impasto.imaging.color import SRGB_PROFILE, changes_values, to_srgb
from tests.imaging.profiles import ADOBE, DISPLAY_P3, SRGB, gray_profile, rgb_profile


def encode_srgb(linear):
    linear = linear.clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.fixture
def photo():
    return Image.fromarray(data.astronaut()).resize((48, 40))


@pytest.mark.parametrize(("matrix", "gamma"), [(ADOBE, 563 / 256), (DISPLAY_P3, 2.25), (SRGB, 1.0)])
def test_rgb_profiles_follow_their_matrices(photo, matrix, gamma):
    converted, note = to_srgb(photo, rgb_profile(matrix, gamma))
    linear = (np.asarray(photo) / 255.0) ** gamma
    expected = encode_srgb(linear @ (np.linalg.inv(SRGB) @ matrix).T)
    assert note is None
    assert np.abs(np.asarray(converted) - expected).max() <= 2
    assert np.abs(np.asarray(converted, float) - np.asarray(photo)).max() > 10


def test_gray_profile_follows_its_curve(photo):
    gray = photo.convert("L")
    converted, note = to_srgb(gray, gray_profile(1.796875))
    expected = encode_srgb((np.asarray(gray) / 255.0) ** 1.796875)
    assert note is None
    assert converted.mode == "RGB"
    assert np.abs(np.asarray(converted) - expected[..., None]).max() <= 2


def test_a_gray_picture_may_carry_a_color_profile(photo):
    converted, note = to_srgb(photo.convert("L"), SRGB_PROFILE)
    assert note is None
    assert np.abs(np.asarray(converted, int)[..., 0] - np.asarray(photo.convert("L"), int)).max() <= 1


def test_lab_is_read_with_and_without_a_profile(photo):
    lab_space = ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(photo, ImageCms.createProfile("sRGB"), lab_space, outputMode="LAB")
    for profile in (None, ImageCms.ImageCmsProfile(lab_space).tobytes()):
        converted, note = to_srgb(lab, profile)
        assert note is None
        assert np.abs(np.asarray(converted, int) - np.asarray(photo, int)).mean() < 2


def test_cmyk_without_profile(photo):
    inks = Image.new("CMYK", (2, 1))
    inks.putpixel((0, 0), (0, 255, 255, 0))
    assert np.asarray(to_srgb(inks, None)[0]).tolist() == [[[255, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize("profile", [b"", b"not a profile", rgb_profile(ADOBE, 2.2)[:200], gray_profile(2.2)])
def test_an_unusable_profile_is_told_and_ignored(photo, profile):
    converted, note = to_srgb(photo, profile)
    assert "cannot be used" in note
    assert np.array_equal(np.asarray(converted), np.asarray(photo))


def test_what_changes_values():
    assert changes_values(None, "RGB") == (False, None)
    assert changes_values(SRGB_PROFILE, "RGB") == (False, None)
    assert changes_values(SRGB_PROFILE, "L") == (False, None)
    assert changes_values(rgb_profile(ADOBE, 2.2), "RGB") == (True, None)
    assert changes_values(gray_profile(1.8), "L") == (True, None)
    assert changes_values(b"junk", "RGB")[1] is not None


def test_our_profile_is_valid_and_without_a_clock():
    name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(SRGB_PROFILE)))
    assert "sRGB" in name
    assert SRGB_PROFILE[24:36] == struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
