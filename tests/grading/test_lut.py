"""Tables of colors, against an independent interpolation of single colors."""

import pytest
import torch

from impasto.grading.lut import Lut, adjusted, identity, into_gamut
from impasto.imaging.color_transfer import from_oklab, to_oklab

# the six tetrahedra by the order of a color's shares: the corners between (0, 0, 0) and (1, 1, 1)
WAYS = {
    "rgb": ((1, 0, 0), (1, 1, 0)), "rbg": ((1, 0, 0), (1, 0, 1)), "grb": ((0, 1, 0), (1, 1, 0)),
    "gbr": ((0, 1, 0), (0, 1, 1)), "brg": ((0, 0, 1), (1, 0, 1)), "bgr": ((0, 0, 1), (0, 1, 1)),
}  # fmt: skip


def wild(points: int = 5, **domain) -> Lut:
    return Lut(torch.rand(points, points, points, 3), **domain)


def reference(lut: Lut, color: list[float]) -> list[float]:
    """By solving for the barycentric coordinates in the tetrahedron that the color lies in."""
    places = [
        (value - low) / (high - low) * (lut.points - 1)
        for value, low, high in zip(color, lut.low, lut.high, strict=True)
    ]
    places = [min(max(place, 0.0), lut.points - 1.0) for place in places]
    cell = [min(int(place), lut.points - 2) for place in places]
    shares = dict(zip("rgb", (place - start for place, start in zip(places, cell, strict=True)), strict=True))
    order = "".join(sorted("rgb", key=lambda name: -shares[name]))
    corners = [(0, 0, 0), *WAYS[order], (1, 1, 1)]
    system = torch.tensor([[1, *corner] for corner in corners], dtype=torch.float64).T
    wanted = torch.tensor([1, *(shares[name] for name in "rgb")], dtype=torch.float64)
    weights = torch.linalg.solve(system, wanted)
    colors = [
        lut.table[cell[2] + blue, cell[1] + green, cell[0] + red].double() for red, green, blue in corners
    ]
    return torch.stack([w * c for w, c in zip(weights, colors, strict=True)]).sum(0).tolist()


@pytest.mark.parametrize("domain", [{}, {"low": (0.1, 0.0, -0.5), "high": (0.9, 2.0, 1.0)}])
def test_interpolates_in_tetrahedra(domain):
    lut, image = wild(**domain), torch.rand(3, 9, 7)
    found = lut(image).flatten(1).T.tolist()
    for color, got in zip(image.flatten(1).T.tolist(), found, strict=True):
        assert got == pytest.approx(reference(lut, color), abs=1e-5)


def test_points_edges_and_ties_are_exact():
    lut = wild(3)
    assert torch.allclose(lut(lut.inputs), lut.outputs, atol=1e-6)
    gray = torch.linspace(0, 1, 17).expand(3, 1, 17)
    expected = torch.tensor([reference(lut, color) for color in gray[:, 0].T.tolist()])
    assert torch.allclose(lut(gray)[:, 0].T.double(), expected.double(), atol=1e-5)
    assert lut(torch.tensor([[[1.0]], [[1.0]], [[1.0]]])).flatten().tolist() == lut.table[-1, -1, -1].tolist()


def test_identity_changes_nothing():
    image = torch.rand(3, 300, 301)  # more than is looked up at once
    assert torch.allclose(identity(33)(image), image, atol=1e-6)


def test_amount_is_a_share():
    lut, image = wild(9), torch.rand(3, 8, 8)
    assert torch.allclose(adjusted(lut, 0, keep_lightness=False)(image), image, atol=1e-6)
    assert torch.allclose(adjusted(lut, 1, keep_lightness=False)(image), lut(image), atol=1e-6)
    half = adjusted(lut, 0.5, keep_lightness=False)(image)
    assert torch.allclose(half, (image + lut(image)) / 2, atol=1e-5)


def test_lightness_is_kept():
    nothing = identity(33)
    warm = nothing.with_outputs((nothing.inputs * torch.tensor([1.0, 0.7, 0.4])[:, None, None]).clamp(0, 1))
    image = torch.rand(3, 30, 30)
    kept = adjusted(warm, 1, keep_lightness=True)(image)
    assert (to_oklab(kept)[0] - to_oklab(image)[0]).abs().max() < 0.02
    assert (to_oklab(warm(image))[0] - to_oklab(image)[0]).abs().max() > 0.1
    assert (kept - image).abs().mean() > 0.05


def test_colors_beyond_srgb_keep_hue_and_lightness():
    lab = torch.tensor([0.7, 0.3, -0.2])[:, None, None]
    inside = into_gamut(lab)
    assert from_oklab(lab).min() < -0.1
    assert 0 <= inside.min() <= inside.max() <= 1
    back = to_oklab(inside)
    assert back[0].item() == pytest.approx(0.7, abs=1e-3)
    assert (back[1] / back[2]).item() == pytest.approx(-1.5, abs=1e-2)
    image = torch.rand(3, 5, 5)
    assert torch.allclose(into_gamut(to_oklab(image)), image, atol=1e-3)
