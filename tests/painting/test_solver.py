"""L-BFGS and Adam against torch's own, on functions whose minimum is known, and on ones that explode."""

from collections.abc import Callable, Iterator
from itertools import islice, pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import DivergenceError
from impasto.painting import solver
from impasto.painting.solver import SOLVERS, Iterate, adam, kept_pairs, lbfgs

Terms = dict[str, Tensor]
Value = Callable[[Tensor], Tensor]
SHAPE = (1, 3, 4, 5)


def start() -> Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(0))


def solution() -> Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(1))


def curvatures() -> Tensor:
    """From 1 to 30: too different for steepest descent."""
    return torch.linspace(1, 30, 60).view(SHAPE)


def quadratic(image: Tensor) -> Tensor:
    return (curvatures() * (image - solution()).square()).sum() / 2


def wavy(image: Tensor) -> Tensor:
    """No quadratic, and its variables depend on each other."""
    return (image * image.roll(1, dims=3)).sin().sum() / 2 + (image - 1).square().sum()


def with_terms(value: Value) -> Callable[[Tensor], tuple[Tensor, Terms]]:
    def function(image: Tensor) -> tuple[Tensor, Terms]:
        number = value(image)
        return number, {"half": number / 2}

    return function


def walked(optimizer: torch.optim.Optimizer, image: Tensor, value: Value, count: int) -> list[Tensor]:
    """The images at which torch's optimiser takes its gradients."""
    seen = []

    def closure() -> Tensor:
        seen.append(image.detach().clone())
        optimizer.zero_grad()
        number = value(image)
        number.backward()
        return number

    while len(seen) < count:
        optimizer.step(closure)
    return seen[:count]


@pytest.mark.parametrize("value", [quadratic, wavy])
def test_lbfgs_walks_as_torchs_does(value: Value) -> None:
    image = start().double().requires_grad_()
    reference = torch.optim.LBFGS([image], lr=1, max_iter=1, history_size=12, line_search_fn=None)
    expected = walked(reference, image, value, 8)
    found = list(lbfgs(with_terms(value), start().double(), 8, history=12, sharpness=0))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.image, other, rtol=1e-6, atol=1e-8)


def test_lbfgs_forgets_what_is_older_than_its_history() -> None:
    image = start().double().requires_grad_()
    reference = torch.optim.LBFGS([image], lr=1, max_iter=1, history_size=3, line_search_fn=None)
    expected = walked(reference, image, quadratic, 9)
    found = list(lbfgs(with_terms(quadratic), start().double(), 9, history=3, sharpness=0))
    torch.testing.assert_close(found[-1].image, expected[-1], rtol=1e-6, atol=1e-8)


def test_lbfgs_reaches_the_minimum_of_a_quadratic() -> None:
    *_, last = lbfgs(with_terms(quadratic), start(), 60)
    torch.testing.assert_close(last.image, solution(), rtol=0, atol=1e-4)
    assert last.value < 1e-6


@pytest.mark.parametrize("value", [quadratic, wavy])
def test_adam_walks_as_torchs_does(value: Value) -> None:
    image = start().double().requires_grad_()
    reference = torch.optim.Adam([image], lr=0.02, betas=(0.9, 0.99), eps=1e-12)
    expected = walked(reference, image, value, 20)
    found = list(adam(with_terms(value), start().double(), 20))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.image, other, rtol=1e-6, atol=1e-8)


def test_adam_comes_near_the_minimum() -> None:
    *_, last = adam(with_terms(quadratic), start(), 200)
    assert (last.image - solution()).abs().max() < 0.02


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("iterations", [1, 7])
def test_an_iterate_per_gradient(name: str, iterations: int) -> None:
    calls = []

    def counted(image: Tensor) -> Tensor:
        calls.append(image)
        return quadratic(image)

    length = 1.0 if name == "lbfgs" else 0.02
    iterates = list(SOLVERS[name](with_terms(counted), start(), iterations, length))
    assert len(iterates) == len(calls) == iterations
    assert torch.equal(iterates[0].image, start())
    assert all(b.value < a.value for a, b in pairwise(iterates))
    for iterate in iterates:
        assert iterate.value == pytest.approx(quadratic(iterate.image).item(), rel=1e-6)
        assert iterate.terms == {"half": pytest.approx(iterate.value / 2)}
        expected = curvatures() * (iterate.image - solution())
        torch.testing.assert_close(iterate.gradient, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("solve", [lbfgs, adam])
def test_nothing_that_was_handed_out_changes_later(
    solve: Callable[..., Iterator[Iterate]],
) -> None:
    first = start()
    copies = []
    for iterate in solve(with_terms(quadratic), first, 15):
        copies.append((iterate, iterate.image.clone(), iterate.gradient.clone()))
    for iterate, image, gradient in copies:
        assert not iterate.image.requires_grad
        assert torch.equal(iterate.image, image)
        assert torch.equal(iterate.gradient, gradient)
    assert torch.equal(first, start())
    assert not first.requires_grad


class Trap:
    """A quadratic that answers with nonsense at the calls of these numbers."""

    def __init__(self, numbers: range, nonsense: Value) -> None:
        self.numbers, self.nonsense, self.calls = numbers, nonsense, 0

    def __call__(self, image: Tensor) -> tuple[Tensor, Terms]:
        self.calls += 1
        value = self.nonsense(image) if self.calls in self.numbers else quadratic(image)
        return value, {"all": value}


def nan(image: Tensor) -> Tensor:
    return (image * float("nan")).sum()


def infinite(image: Tensor) -> Tensor:
    return (image * float("inf")).abs().sum()


def huge(image: Tensor) -> Tensor:
    return 1e6 + image.sum()


def only_its_gradient_is_nan(image: Tensor) -> Tensor:
    return (image - image.detach()).abs().sqrt().sum() * 0 + quadratic(image)


@pytest.mark.parametrize("nonsense", [nan, infinite, huge, only_its_gradient_is_nan])
@pytest.mark.parametrize(("solve", "iterations"), [(lbfgs, 80), (adam, 400)])
def test_bad_step_is_taken_back_and_the_way_goes_on(
    solve: Callable[..., Iterator[Iterate]], iterations: int, nonsense: Value
) -> None:
    iterates = list(solve(Trap(range(6, 9), nonsense), start(), iterations))
    assert len(iterates) == iterations
    for bad in iterates[5:8]:
        assert bad is iterates[4]
    assert all(torch.isfinite(iterate.image).all() for iterate in iterates)
    assert iterates[-1].value < 0.01 * iterates[0].value


def test_steps_are_shorter_after_a_bad_one() -> None:
    """From the same place and with nothing learned, half of the first length after one retreat."""

    def first_steps(numbers: range) -> tuple[Iterate, Iterate]:
        first, *_, last = adam(Trap(numbers, nan), start(), 2 + len(numbers))
        return first, last

    first, second = first_steps(range(0))
    whole = second.image - first.image
    first, second = first_steps(range(2, 4))
    torch.testing.assert_close(second.image - first.image, whole / 4)


def test_lbfgs_starts_anew_after_a_bad_step() -> None:
    """What it knew of the curvature led it astray: a tiny step along the gradient, as at the beginning."""
    iterates = list(lbfgs(Trap(range(6, 7), nan), start(), 7, sharpness=0))
    good, after = iterates[4], iterates[6]
    length = 0.5 * min(1.0, 1.0 / good.gradient.abs().sum().item())
    torch.testing.assert_close(after.image, good.image - length * good.gradient)


@pytest.mark.parametrize("steepness", [1, 1e-3])
def test_steps_grow_while_the_curvature_is_not_positive(steepness: float) -> None:
    """On a slope that bends downward no pair is kept and tiny steps lead nowhere: noise is such a place."""

    def hill(image: Tensor) -> tuple[Tensor, Terms]:
        return -steepness * (image - solution()).square().sum() / 2, {}

    iterates = list(lbfgs(hill, start(), 4, sharpness=0))
    lengths = [(b.image - a.image).abs().sum().item() for a, b in pairwise(iterates)]
    factors = [b / a for a, b in pairwise(lengths)]
    assert factors == pytest.approx([4, 4], rel=0.02)


def test_a_steep_function_does_not_carry_the_image_away() -> None:
    """A step length far too large for it: without the way back, values would grow for ever."""

    def steep(image: Tensor) -> tuple[Tensor, Terms]:
        return (image - solution()).square().sum() * 1e3, {}

    iterates = list(lbfgs(steep, start(), 60, 30.0))
    assert iterates[-1].value < iterates[0].value
    assert all(b.value <= 4 * a.value for a, b in pairwise(iterates))


@pytest.mark.parametrize("solve", [lbfgs, adam])
@pytest.mark.parametrize("good_calls", [0, 3])
def test_hopeless_function(solve: Callable[..., Iterator[Iterate]], good_calls: int) -> None:
    iterates = solve(Trap(range(good_calls + 1, 10_000), nan), start(), 1000)
    good = list(islice(iterates, good_calls))
    assert len(good) == good_calls
    with pytest.raises(DivergenceError, match="choose smaller weights, a smaller learning rate"):
        list(iterates)


def test_sharpened_steps_are_those_of_a_change_of_variables() -> None:
    """L-BFGS with the initial inverse Hessian P takes the steps of plain L-BFGS in u = P^-1/2 x."""
    shape, count = start().shape, start().numel()
    columns = torch.eye(count, dtype=torch.double).reshape(count, *shape[1:])
    means = F.avg_pool2d(columns, 3, stride=1, padding=1)
    matrix = (2 * columns - means).reshape(count, count)
    torch.testing.assert_close(matrix, matrix.T)
    values, vectors = torch.linalg.eigh(matrix)
    assert values.min() > 0.5
    root = vectors * values.sqrt() @ vectors.T

    def small(image: Tensor) -> Tensor:
        return 1e-3 * wavy(image)  # gradients so small that no first step is shortened

    def from_u(u: Tensor) -> Tensor:
        return (root @ u.flatten()).view(shape)

    first = torch.linalg.solve(root, start().double().flatten()).view(shape)
    sharp = list(lbfgs(with_terms(small), start().double(), 9))
    plain = list(lbfgs(with_terms(lambda u: small(from_u(u))), first, 9, sharpness=0))
    for one, other in zip(sharp, plain, strict=True):
        torch.testing.assert_close(one.image, from_u(other.image), rtol=1e-6, atol=1e-8)


def test_lbfgs_at_the_minimum_stays_there() -> None:
    iterates = list(lbfgs(with_terms(quadratic), solution(), 5))
    assert all(torch.equal(iterate.image, solution()) for iterate in iterates)
    assert all(iterate.value == 0 for iterate in iterates)


def test_layout_in_memory_does_not_matter() -> None:
    *_, one = lbfgs(with_terms(quadratic), start(), 10)
    *_, other = lbfgs(with_terms(quadratic), start().to(memory_format=torch.channels_last), 10)
    assert other.image.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(one.image, other.image, rtol=1e-4, atol=1e-5)


def test_pairs_of_huge_images_are_kept_shorter_and_then_fewer() -> None:
    """Twelve of 512 pixels as they are; of 4096 pixels, five in half the precision, in a gigabyte."""
    assert kept_pairs(3 * 512**2, torch.float32) == (12, torch.float32)
    assert kept_pairs(3 * 2048**2, torch.float32) == (12, torch.bfloat16)
    assert kept_pairs(3 * 4096**2, torch.float32) == (5, torch.bfloat16)
    assert kept_pairs(3 * 4096**2, torch.float32, history=4) == (4, torch.bfloat16)
    assert kept_pairs(3 * 20_000**2, torch.float32) == (3, torch.bfloat16)


def test_short_pairs_lead_to_the_same_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where vectors are taken in many pieces."""
    exact = list(lbfgs(with_terms(quadratic), start(), 60))
    monkeypatch.setattr(solver, "_PAIR_BYTES", 12 * 60 * 2 * 2)
    monkeypatch.setattr(solver, "_PIECE", 7)
    assert kept_pairs(60, torch.float32) == (12, torch.bfloat16)
    short = list(lbfgs(with_terms(quadratic), start(), 60))
    assert not torch.equal(short[5].image, exact[5].image)
    assert short[20].value < 1e-2 * short[0].value
    torch.testing.assert_close(short[-1].image, solution(), rtol=0, atol=1e-3)


def test_pieces_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    *_, whole = lbfgs(with_terms(wavy), start().double(), 12)
    monkeypatch.setattr(solver, "_PIECE", 7)
    *_, pieces = lbfgs(with_terms(wavy), start().double(), 12)
    torch.testing.assert_close(pieces.image, whole.image, rtol=1e-9, atol=1e-12)
