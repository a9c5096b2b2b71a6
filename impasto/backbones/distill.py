"""Distill VGG-19 into the compact backbone (feature distillation with linear maps).

The student's features at each layer, mapped by a matrix that is trained with the student, must predict the
teacher's activations, each channel divided by its standard deviation: the loss of a layer is the share of the
teacher's variance that stays unexplained. At the end the maps are computed exactly, by least squares.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from impasto.backbones.base import Backbone
from impasto.backbones.compact import LAYERS, TEACHER_WIDTHS, WIDTH_OF, Compact, load_compact, save_compact
from impasto.backbones.compressed import Compressed
from impasto.errors import UsageError, WeightsError
from impasto.imaging.files import IMAGE_SUFFIXES
from impasto.weights import load_plain

FeatureMaps = dict[str, Tensor]


@dataclass(frozen=True)
class DistillOptions:
    """Options of `impasto distill`; all defaults are defined here."""

    steps: int = 12_000
    batch: int = 8
    exact: int = 2  # pictures of a batch for the slow teacher: shallow layers have enough pixels
    size: int = 192  # side of a training crop, pixels
    learning_rate: float = 2e-3
    seed: int = 0
    start: str | None = None  # file of a compact backbone to train further
    checkpoint_minutes: float = 5.0


@dataclass(frozen=True)
class DistillStep:
    """Progress of distillation: unexplained share of the teacher's variance by layer, smoothed."""

    step: int
    steps: int
    unexplained: dict[str, float]
    images_per_second: float


class Teachers:
    """One or two networks that together have relu1_1 to relu5_1; a layer comes from the first that has it.

    An exact VGG, cut early, comes first; the compressed network supplies the deeper layers.
    """

    def __init__(self, backbones: Sequence[Backbone]) -> None:
        self._share = [(b, [layer for layer in LAYERS if layer in b.layers]) for b in backbones]
        seen: set[str] = set()
        for _, layers in self._share:
            layers[:] = [layer for layer in layers if layer not in seen]
            seen.update(layers)
        if missing := set(LAYERS) - seen:
            raise UsageError(f"no teacher has {', '.join(sorted(missing))}")

    def features(self, image: Tensor, exact: int) -> FeatureMaps:
        """Activations in the teachers' channels; those of the first teacher for `exact` pictures only."""
        found: FeatureMaps = {}
        for place, (backbone, layers) in enumerate(self._share):
            seen = image[:exact] if place == 0 and len(self._share) > 1 else image
            call = backbone.teacher_features if isinstance(backbone, Compressed) else backbone
            found |= call(seen, layers)
        return found


class Distillation:
    """State of a distillation: student, optimizer and step; a checkpoint holds all of it.

    Every random choice depends only on the seed and the step, so that a resumed run equals an uninterrupted
    one. `folders` are lists of pictures; all lists are drawn from equally often.
    """

    def __init__(
        self, folders: Sequence[Sequence[Path]], teachers: Teachers, options: DistillOptions
    ) -> None:
        if not folders or not all(folders):
            raise UsageError("there are no pictures to learn from")
        torch.manual_seed(options.seed)
        self.folders, self.teachers, self.options = folders, teachers, options
        self.student = Compact().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.heads = nn.ModuleDict(
            {layer: nn.Conv2d(WIDTH_OF[layer], TEACHER_WIDTHS[layer], 1) for layer in LAYERS}
        )
        if options.start:
            self._start_from(Path(options.start))
        self.scales = self._channel_scales()
        parameters = [*self.student.parameters(), *self.heads.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=options.learning_rate, betas=(0.9, 0.98))
        self.step = 0

    @torch.no_grad()
    def _start_from(self, path: Path) -> None:
        taught = load_compact(path)
        self.student.load_state_dict(taught.state_dict())
        for layer, matrix in taught.maps.items():
            head = self.heads.get_submodule(layer)
            assert isinstance(head, nn.Conv2d) and head.bias is not None
            head.weight.copy_(matrix[:, :-1, None, None])
            head.bias.copy_(matrix[:, -1])

    def _channel_scales(self, batches: int = 12) -> FeatureMaps:
        """Standard deviation of each teacher channel, (1, C, 1, 1); a floor for nearly inactive channels."""
        sums: dict[str, Tensor] = {}
        for number in range(batches):
            for layer, f in self._teach(self.batch(-1 - number), self.options.batch).items():
                sums[layer] = sums.get(layer, 0) + f.var((0, 2, 3), keepdim=True) / batches
        scales = {layer: variance.sqrt() for layer, variance in sums.items()}
        return {layer: s + 0.1 * s.mean() for layer, s in scales.items()}

    def batch(self, step: int) -> Tensor:
        """Draw (N, 3, size, size) in 0..1: crops at random scale, mirrored, some with odd colors or noise."""
        rng = random.Random(f"{self.options.seed}/{step}")
        crops = [
            _crop(rng.choice(rng.choice(self.folders)), self.options.size, rng)
            for _ in range(self.options.batch)
        ]
        return torch.stack(crops).to(memory_format=torch.channels_last)

    def _teach(self, image: Tensor, exact: int) -> FeatureMaps:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            return {layer: f.float() for layer, f in self.teachers.features(image, exact).items()}

    def losses(self, image: Tensor) -> FeatureMaps:
        """Unexplained share of variance by layer, a scalar each."""
        target = self._teach(image, self.options.exact)
        with torch.autocast("cpu", torch.bfloat16):
            seen = self.student(image, LAYERS)
            guess = {layer: self.heads[layer](seen[layer][: len(t)]).float() for layer, t in target.items()}
        return {layer: (guess[layer] - t / self.scales[layer]).pow(2).mean() for layer, t in target.items()}

    def advance(self) -> dict[str, float]:
        """Take one gradient step; returns the losses by layer."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.learning_rate * self._schedule()
        losses = self.losses(self.batch(self.step))
        self.optimizer.zero_grad()
        total = torch.stack(list(losses.values())).sum()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        return {layer: loss.item() for layer, loss in losses.items()}

    def _schedule(self) -> float:
        """Factor of the learning rate: linear warm-up over 200 steps, then a cosine to zero."""
        share = self.step / self.options.steps
        return min(1.0, (self.step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * share))

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        state = {
            "student": self.student.state_dict(),
            "heads": self.heads.state_dict(),
            "optimiser": self.optimizer.state_dict(),
            "step": self.step,
            "options": asdict(self.options),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint. Raises WeightsError if it was made with other options."""
        try:
            state = load_plain(path)
        except Exception as error:  # a damaged file can fail anywhere inside the unpickler
            raise WeightsError(f"{path} is no checkpoint, or damaged: remove it to start anew") from error
        if state["options"] != asdict(self.options):
            raise WeightsError(f"{path} was made with other options: repeat them, or remove it to start anew")
        self.student.load_state_dict(state["student"])
        self.heads.load_state_dict(state["heads"])
        self.optimizer.load_state_dict(state["optimiser"])
        self.step = state["step"]

    @torch.no_grad()
    def solve_maps(self, batches: int = 60, ridge: float = 1e-4) -> dict[str, float]:
        """Compute the best linear maps from the student to the teacher's scaled channels (ridge regression).

        Sets `student.maps` and returns the unexplained share of variance, by layer, on the same pictures.
        """
        sums = {layer: _FeatureMoments(WIDTH_OF[layer] + 1, TEACHER_WIDTHS[layer]) for layer in LAYERS}
        for number in range(batches):
            image = self.batch(-1000 - number)
            target, seen = self._teach(image, self.options.exact), self.student(image, LAYERS)
            for layer, t in target.items():
                sums[layer].add(seen[layer][: len(t)], t / self.scales[layer])
        solved = {layer: moments.regress(ridge) for layer, moments in sums.items()}
        self.student.maps = {layer: a for layer, (a, _) in solved.items()}
        return {layer: share for layer, (_, share) in solved.items()}


class _FeatureMoments:
    """Sums for a linear regression of the teacher's channels on the student's, with a constant 1."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.normal = torch.zeros(inputs, inputs, dtype=torch.float64)
        self.cross = torch.zeros(outputs, inputs, dtype=torch.float64)
        self.power = torch.zeros(outputs, dtype=torch.float64)
        self.count = 0

    def add(self, student: Tensor, teacher: Tensor) -> None:
        """Add the features of a batch."""
        x = F.pad(student.float().transpose(0, 1).flatten(1), (0, 0, 0, 1), value=1.0)
        y = teacher.transpose(0, 1).flatten(1)
        self.normal += (x @ x.T).double()
        self.cross += (y @ x.T).double()
        self.power += y.pow(2).sum(1, dtype=torch.float64)
        self.count += x.shape[1]

    def regress(self, ridge: float) -> tuple[Tensor, float]:
        """Solve for the map, (outputs, inputs), and the unexplained share of variance, averaged."""
        damping = ridge * self.normal.diagonal().mean() * torch.eye(len(self.normal), dtype=torch.float64)
        a = torch.linalg.solve(self.normal + damping, self.cross.T).T
        error = self.power + (a @ self.normal * a).sum(1) - 2 * (a * self.cross).sum(1)
        variance = self.power - self.cross[:, -1].pow(2) / self.count
        alive = variance > 1e-3 * variance.mean()
        return a.float(), float((error / variance)[alive].mean())


def distill(
    folders: Sequence[Sequence[Path]],
    teachers: Teachers,
    out: Path,
    options: DistillOptions,
    on_step: Callable[[DistillStep], None] = lambda step: None,
) -> dict[str, float]:
    """Train the compact backbone and write it to `out`; resumes from a checkpoint beside `out`.

    `on_step` may raise to stop the training: a checkpoint is saved first, so that no step is lost.

    Returns the unexplained share of the teacher's variance by layer.
    """
    run = Distillation(folders, teachers, options)
    checkpoint = out.with_suffix(".checkpoint")
    if checkpoint.exists():
        run.load(checkpoint)
    for event in _train(run, checkpoint):
        try:
            on_step(event)
        except BaseException:
            run.save(checkpoint)
            raise
    run.save(checkpoint)
    shares = run.solve_maps()
    scores = ", ".join(f"{layer} {share:.3f}" for layer, share in shares.items())
    save_compact(run.student, out, {"seed": str(options.seed), "steps": str(run.step), "unexplained": scores})
    checkpoint.unlink(missing_ok=True)
    return shares


def pictures_in(folder: Path) -> list[Path]:
    """List all pictures below a folder, in a fixed order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def _train(run: Distillation, checkpoint: Path) -> Iterator[DistillStep]:
    smooth: dict[str, float] = {}
    started, first = time.monotonic(), run.step
    saved = started
    while run.step < run.options.steps:
        for layer, loss in run.advance().items():
            smooth[layer] = 0.98 * smooth.get(layer, loss) + 0.02 * loss
        now = time.monotonic()
        rate = (run.step - first) * run.options.batch / (now - started)
        if now - saved > run.options.checkpoint_minutes * 60:
            run.save(checkpoint)
            saved = now
        yield DistillStep(run.step, run.options.steps, dict(smooth), rate)


def _crop(path: Path, size: int, rng: random.Random) -> Tensor:
    with Image.open(path) as file:
        picture = file.convert("RGB")
    side = rng.uniform(0.55, 1.0) * min(picture.size)
    left, top = (rng.uniform(0, length - side) for length in picture.size)
    box = (left, top, left + side, top + side)
    pixels = np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC, box))
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255
    return _vary(image.flip(2) if rng.random() < 0.5 else image, rng)


def _vary(image: Tensor, rng: random.Random) -> Tensor:
    """Vary colors, contrast or noise of some crops, as unfinished paintings do not look like photos."""
    if rng.random() < 0.4:
        gains = torch.tensor([rng.uniform(0.6, 1.5) for _ in range(3)]).view(3, 1, 1)
        gray, saturation = image.mean(0, keepdim=True), rng.uniform(0.3, 1.8)
        image = (gray + (image - gray) * saturation - 0.5) * gains + rng.uniform(0.35, 0.65)
    if rng.random() < 0.25:
        noise = torch.Generator().manual_seed(rng.getrandbits(32))
        image = image + rng.uniform(0.0, 0.15) * torch.randn(image.shape, generator=noise)
    return image.clamp(0, 1)
