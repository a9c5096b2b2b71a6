"""`impasto paint` at work: everything behind the command line that needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from impasto import recipes
from impasto.backbones.vgg import needed_download, untrained_vgg
from impasto.cli.display import download
from impasto.cli.paint import PaintJob
from impasto.cli.paint_session import check_output, make, open_frames
from impasto.errors import UsageError
from impasto.imaging import io
from impasto.painting.options import PaintOptions
from impasto.painting.paint import Painter
from impasto.painting.provenance import options_from
from impasto.recipes import Recipe


def run(job: PaintJob) -> None:
    """Paint and save; raises what `explained` explains."""
    recipe, output = find_recipe(job.recipe), job.output
    if recipe and recipe.animated and output.out and not output.animate:
        output = replace(output, animate=output.out.with_suffix(".gif"))
    check_output(output, _read(job), "painting.jpg")
    frames = open_frames(output)
    make(_prepare(job, resolve(job, recipe)), output, frames)


def find_recipe(name: str | None) -> Recipe | None:
    """The recipe of that name. Raises UsageError, with those there are, for one that is not for painting."""
    return None if name is None else recipes.find(name, "paint")


def resolve(job: PaintJob, recipe: Recipe | None = None) -> PaintOptions:
    """The options: defaults, then those of a recipe or of a picture's record, then what was given."""
    if recipe and job.like:
        raise UsageError("--recipe and --like both say how to paint: give one of them")
    base: Mapping[str, Any] = recipe.options if recipe else {}
    start = options_from(job.like) if job.like else PaintOptions(**base)
    options = replace(start, **job.given)
    has_raw_weights = None not in (options.content_weight, options.style_weight)
    if "strength" in job.given and (has_raw_weights or not options.normalise):
        raise UsageError("--strength does nothing beside raw weights: change --style-weight instead")
    return options


def _read(job: PaintJob) -> list[Path]:
    """All pictures that are."""
    starts = [Path(job.given["init"])] if "init" in job.given else []
    masks = [*job.regions, *([job.mask] if job.mask else [])]
    styles = [path for group in (job.styles, *job.regions.values()) for path, _ in group]
    return [job.photo, *styles, *starts, *masks]


def _prepare(job: PaintJob, options: PaintOptions) -> Painter:
    most = job.output.max_pixels
    missing = needed_download(options.backbone) if job.output.dry_run else None
    untrained = untrained_vgg(options.backbone, pooling=options.pooling) if missing else None
    with download(job.output.quiet) as on_download:
        painter = Painter(
            job.photo,
            list(job.styles) or None,
            options,
            region={mask: list(styles) for mask, styles in job.regions.items()},
            mask=job.mask,
            max_pixels=io.MAX_PIXELS if most is None else most,
            backbone=untrained,
            on_download=on_download,
        )
    if missing:
        size = f"{missing.size / 1e6:.0f} MB"
        painter.notes.append(f"painting would first download {missing.name}, {size}, from {missing.url}")
    return painter
