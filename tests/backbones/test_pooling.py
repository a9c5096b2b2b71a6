"""Pooling, which all backbones share."""

import pytest
import torch
import torch.nn.functional as F

from impasto.backbones.base import l2_pool


@pytest.mark.parametrize("shape", [(2, 3, 8, 6), (1, 4, 7, 9), (1, 2, 2, 3)])
def test_l2_pooling_is_the_root_of_the_mean_square(shape: tuple[int, ...]) -> None:
    x = torch.rand(shape, dtype=torch.double, generator=torch.Generator().manual_seed(0)).requires_grad_()
    expected = (F.avg_pool2d(x * x, 2) + 1e-6).sqrt()
    torch.testing.assert_close(l2_pool(x), expected)
    assert torch.autograd.gradcheck(l2_pool, x)
    weight = torch.rand(expected.shape, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    found, wanted = (torch.autograd.grad((weight * y).sum(), x)[0] for y in (l2_pool(x), expected))
    torch.testing.assert_close(found, wanted)


def test_l2_pooling_of_nothing_has_a_gradient() -> None:
    x = torch.zeros(1, 2, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(l2_pool(x).sum(), x)
    assert torch.equal(gradient, torch.zeros_like(x))
