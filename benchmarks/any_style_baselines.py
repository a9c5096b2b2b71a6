"""Train the decoders of whitening and colouring (Li et al. 2017) and of AdaIN (Huang & Belongie 2017).

    OMP_NUM_THREADS=1 python -m benchmarks.any_style_baselines train    # half an hour of one core
    python -m benchmarks.any_style_baselines look       # what decoders make of features as they are

They learn from the photos and paintings that our own network learns from. Weights and the sheet go to
out/benchmarks/any-style.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import torch
from torch import Tensor, nn

from benchmarks.any_style_networks import (
    DEEPEST,
    LAYERS,
    Decoder,
    Statistics,
    adain,
    file_of,
    load_decoder,
    padded,
    spread,
)
from benchmarks.any_style_pictures import learned_from, photos
from benchmarks.report import console
from benchmarks.settings import REFERENCE, ROOT
from impasto import backbones, losses
from impasto.backbones import Backbone
from impasto.imaging import io
from impasto.training.crops import Crops, Windows
from impasto.training.data import batches
from impasto.training.photos import Joined, PhotoFiles, Photos
from impasto.weights import save_tensors

WEIGHTS = ROOT / "out" / "benchmarks" / "any-style"
SHARES = {"relu1_1": 0.03, "relu2_1": 0.06, "relu3_1": 0.11, "relu4_1": 0.18, "adain": 0.62}  # of the time

Loss = Callable[[Decoder], Tensor]  # of the next batch


@dataclass(frozen=True)
class BaselineOptions:
    """How all decoders are trained. The weight of AdaIN's style loss is the paper's."""

    minutes: float = 32.0  # of a processor, for all together
    size: int = 192  # of crops of photos, pixels
    window: int = 256  # of paintings, where AdaIN takes styles
    batch: int = 4
    learning_rate: float = 2e-3  # at its peak
    style_weight: float = 10.0
    seed: int = 0
    reference: Path = REFERENCE
    weights: Path = WEIGHTS


def main(arguments: Sequence[str] | None = None) -> None:
    given = vars(_parser().parse_args(arguments))
    action, only = given.pop("action"), given.pop("only")
    options = BaselineOptions(**given)
    if action == "look":
        console.print(f"written: {_look(options)}")
    else:
        for name in only:
            _train(name, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.any_style_baselines",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("action", choices=("train", "look"))
    add("--only", nargs="+", choices=tuple(SHARES), default=tuple(SHARES), help="decoders (default: all)")
    add(
        "--minutes", type=float, default=BaselineOptions.minutes, help="of a processor (default: %(default)s)"
    )
    add("--style-weight", type=float, default=BaselineOptions.style_weight, help="AdaIN's (%(default)s)")
    add("--reference", type=Path, default=BaselineOptions.reference, help="data")
    add("--weights", type=Path, default=BaselineOptions.weights, help="where decoders are written")
    return parser


def _train(name: str, options: BaselineOptions) -> None:
    torch.manual_seed(options.seed)
    backbone = backbones.load("compact").to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    decoder = _start(name, options).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    make = _adain_loss if name == "adain" else _inversion_loss
    console.rule(name)
    _minimise(decoder, make(backbone, name, options), SHARES[name] * options.minutes * 60, options)
    save_tensors(file_of(options.weights, name), decoder.state_dict(), {"decoder": name})


def _start(name: str, options: BaselineOptions) -> Decoder:
    """Its last layers are those of the decoder before it, where that is trained."""
    decoder = Decoder(DEEPEST if name == "adain" else name)
    place = list(SHARES).index(name)
    before = list(SHARES)[place - 1]
    if place and file_of(options.weights, before).exists():
        known = load_decoder(options.weights, before)
        for own, trained in zip(list(decoder)[::-1], list(known)[::-1], strict=False):
            own.load_state_dict(trained.state_dict())
    return decoder


def _minimise(decoder: Decoder, loss: Loss, seconds: float, options: BaselineOptions) -> None:
    """Adam, whose rate rises over a twentieth of the time and falls along a cosine."""
    adam = torch.optim.Adam(decoder.parameters(), options.learning_rate, betas=(0.9, 0.99))
    started, said, recent, step = process_time(), 0.0, [], 0
    while (elapsed := process_time() - started) < seconds:
        adam.param_groups[0]["lr"] = options.learning_rate * _pace(elapsed / seconds)
        value = loss(decoder)
        adam.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        if nn.utils.clip_grad_norm_(decoder.parameters(), 1.0).isfinite():
            adam.step()
        step += 1
        recent.append(float(value.detach()))
        if elapsed - said > 30:
            console.print(f"{elapsed:.0f} s, step {step}: loss {sum(recent) / len(recent):.4f}", style="dim")
            said, recent = elapsed, []


def _pace(done: float, rise: float = 0.05) -> float:
    return done / rise if done < rise else 0.5 + 0.5 * math.cos(math.pi * (done - rise) / (1 - rise))


def _inversion_loss(backbone: Backbone, layer: str, options: BaselineOptions) -> Loss:
    """Pixels and features of what is decoded (Li et al. 2017, eq. 4), each as a share of the variance."""
    pictures = _images(Crops(Joined(_sources(options), "both"), options.size, options.seed), options)

    def loss(decoder: Decoder) -> Tensor:
        images = next(pictures)
        with torch.autocast("cpu", torch.bfloat16):
            target = backbone(images, [layer])[layer]
            decoded = decoder(target)
            features = backbone(decoded, [layer])[layer]
        pixels: Tensor = (decoded.float() - images).square().mean() / images.var()
        moments = losses.second_moments(target)
        variance = losses.spatial_variance(moments, backbone.maps[layer][:, :-1]).mean()
        return pixels + _content_error(backbone, layer, features - target) / variance

    return loss


def _adain_loss(backbone: Backbone, _: str, options: BaselineOptions) -> Loss:
    """The target's features, and the style's means and deviations (Huang & Belongie 2017, eqs. 11 to 13)."""
    of_photos, of_paintings = _sources(options)
    contents = _images(Crops(of_photos, options.size, options.seed), options)
    styles = _images(Windows(of_paintings, options.window, options.seed), options)

    def loss(decoder: Decoder) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            style = backbone(next(styles), LAYERS)
            photo = backbone(next(contents), [DEEPEST])[DEEPEST]
            target = adain(photo.float(), spread(style[DEEPEST].float()))
            features = backbone(decoder(target), LAYERS)
        content = _content_error(backbone, DEEPEST, features[DEEPEST] - target)
        goal, seen = (_teachers_spread(backbone, f) for f in (style, features))
        errors = [(a - b).square().mean() for k in LAYERS for a, b in zip(goal[k], seen[k], strict=True)]
        return content + options.style_weight * torch.stack(errors).sum()

    return loss


def _content_error(backbone: Backbone, layer: str, difference: Tensor) -> Tensor:
    """Mean square in the channels of the backbone's teacher, VGG-19, in units of their deviation."""
    linear = backbone.maps[layer][:, :-1]
    gram = losses.second_moments(difference)[:, :-1, :-1].mean(0)
    error: Tensor = (gram * (linear.T @ linear)).sum() / len(linear)
    return error


def _teachers_spread(backbone: Backbone, features: dict[str, Tensor]) -> dict[str, Statistics]:
    """By layer, mean and deviation of the teacher's channels, each (N, C_teacher)."""
    found = {}
    for layer, f in features.items():
        moments, a = losses.second_moments(f), backbone.maps[layer]
        mean = moments[:, :, -1]
        covariance = moments - mean.unsqueeze(2) * mean.unsqueeze(1)
        variance = ((a @ covariance) * a).sum(2).clamp_min(0)
        found[layer] = (mean @ a.T, (variance + 1e-4).sqrt())
    return found


def _sources(options: BaselineOptions) -> tuple[Photos, Photos]:
    data = options.reference / "data"
    names = sorted(path.name for path in (data / "photos" / "train").glob("*.jpg"))
    return PhotoFiles(data / "photos" / "train", names), PhotoFiles(
        data / "paintings", learned_from(options.reference)
    )


def _images(crops: Crops, options: BaselineOptions) -> Iterator[Tensor]:
    return (made.images for made in batches(crops, start_step=0, batch=options.batch))


@torch.inference_mode()
def _look(options: BaselineOptions) -> Path:
    """Three photos, and below each what the decoders of whitening and colouring give back."""
    backbone = backbones.load("compact")
    rows = []
    for path in photos(options.reference, 3):
        photo = padded(io.read(path)[0][None, :, :384, :512])
        decoded = [load_decoder(options.weights, layer)(backbone(photo, [layer])[layer]) for layer in LAYERS]
        rows.append(torch.cat([photo, *decoded], 2)[0])
    height = min(row.shape[1] for row in rows)
    target = options.weights / "reconstruction.png"
    io.write(target, torch.cat([row[:, :height] for row in rows], 2).clamp(0, 1))
    return target


if __name__ == "__main__":
    main()
