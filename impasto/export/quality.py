"""Quality loss of reduced precision: PSNR against float32, and style and content errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from impasto import backbones, styles
from impasto.export.agreement import Paint
from impasto.imaging.style import read_style
from impasto.networks.card import Card
from impasto.perception import Perception, StyleTerm

LIMITS = {"float16": 40.0, "int8": 30.0}  # dB: an export below its limit is rejected


@dataclass(frozen=True)
class Quality:
    """Quality of an export, averaged over photos.

    Attributes:
        photos: number of photos.
        psnr, worst: peak signal-to-noise ratio to float32's pictures, in dB: mean, and of the worst photo.
        style, content: errors of float32's pictures and of the export's, as painting minimizes them.
        of_work: True if the style error is relative to the artwork's picture, else to float32's pictures.
    """

    photos: int
    psnr: float
    worst: float
    style: tuple[float, float]
    content: tuple[float, float]
    of_work: bool


def compare(
    paint: Paint, exact: Paint, photos: Sequence[Tensor], cards: Sequence[tuple[Card, float]]
) -> Quality:
    """Compare an export with float32 on photos, (1, 3, H, W); `cards` are the styles with their shares."""
    perception = Perception(backbones.load("compact"))
    works = _works(perception, cards)
    ratios, errors = [], []
    for photo in photos:
        with torch.inference_mode():
            reference, picture = exact(photo), paint(photo)
            ratios.append(psnr(picture, reference))
            terms = works or perception.style_terms(reference)
            errors.append(_errors(perception, photo, [reference, picture], terms))
    style, content = ([fmean(e[kind][which] for e in errors) for which in (0, 1)] for kind in (0, 1))
    return Quality(
        photos=len(photos),
        psnr=fmean(ratios),
        worst=min(ratios),
        style=(style[0], style[1]),
        content=(content[0], content[1]),
        of_work=bool(works),
    )


def psnr(picture: Tensor, reference: Tensor) -> float:
    """Peak signal-to-noise ratio in dB, of values in [0, 1]; infinite for equal pictures, never NaN."""
    square = float((picture - reference).square().mean())
    return math.inf if square == 0 else -10 * math.log10(square) if math.isfinite(square) else -math.inf


def _works(perception: Perception, cards: Sequence[tuple[Card, float]]) -> list[StyleTerm]:
    """Encode the pictures of the styles' artworks; empty unless all of them ship with the package."""
    found = [(styles.find(card.style), share) for card, share in cards]
    terms: list[StyleTerm] = []
    for path, share in found:
        if path is None:
            return []
        with torch.inference_mode():
            terms += perception.style_terms(read_style(path)[0][None], share=share)
    return terms


def _errors(
    perception: Perception, photo: Tensor, pictures: Sequence[Tensor], terms: Sequence[StyleTerm]
) -> tuple[list[float], list[float]]:
    contents = perception.content_terms(photo)
    layers = {*dict(perception.style_layers), *dict(perception.content_layers)}
    features = [perception.features(picture, layers) for picture in pictures]
    style = [float(perception.style_error(each, terms)) for each in features]
    return style, [float(perception.content_error(each, contents)) for each in features]
