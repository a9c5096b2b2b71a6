"""Tables of what the benchmarks measured, from `benchmarks/results`, each with its machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from string import Formatter
from typing import Any

from .tables import table

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"

Make = Callable[[dict[str, Any]], str]


def measured(file: str, section: str, make: Make) -> str:
    """A table of one section of a file, and under it where the numbers are from."""
    part = json.loads((RESULTS / f"{file}.json").read_text(encoding="utf-8"))[section]
    return f"{make(part)}\n\n{machine(part['machine'])}\n{{ .measured }}"


def machine(facts: dict[str, Any]) -> str:
    """A machine in words."""
    threads = "1 thread" if facts["threads"] == 1 else f"{facts['threads']} threads"
    return (
        f"{facts['cpu']}, {facts['cores']} cores, {threads}, {facts['system']}; "
        f"Python {facts['python']}, PyTorch {facts['torch']}, impasto {facts['impasto']}; {facts['date']}"
    )


def _listed(part: dict[str, Any], columns: dict[str, str]) -> str:
    """A line for each row of a section; `columns` tells by their heads how cells are made of its fields."""
    rows = [[_cell(form, row) for form in columns.values()] for row in part["rows"]]
    return table(list(columns), rows)


def _cell(form: str, row: dict[str, Any]) -> str:
    """A dash where there is no value."""
    fields = [name for _, name, _, _ in Formatter().parse(form) if name]
    return "-" if any(row[name] is None for name in fields) else form.format_map(row)


def _network(part: dict[str, Any]) -> str:
    rows = [
        [f"`{name}`", f"{part[f'{name}_float32_ms']:.0f} ms", f"{part[f'{name}_fastest_ms']:.0f} ms"]
        for name in ("light", "transformer_net")
    ]
    return table(["network, one picture of 512 x 512", "float32", part["fastest"]], rows)


def _by_size(part: dict[str, Any]) -> str:
    rows = [
        [side, f"{nanoseconds:.0f} ns", f"{part['peak_mb'][side]:.0f} MB" if side in part["peak_mb"] else "-"]
        for side, nanoseconds in part["ns_per_pixel"].items()
    ]
    return table(["side in pixels", "time a pixel", "peak memory of the whole command"], rows)


def _style_quality(part: dict[str, Any]) -> str:
    rows = [
        [f"`{name}`", *_scores(scores), *_more(scores)]
        for name, scores in sorted(part["summary"].items(), key=lambda item: item[1]["mean_style"])
    ]
    return table(["style", "style error", "content error", "worst style error", *_MORE], rows)


def _paint_quality(part: dict[str, Any]) -> str:
    names = {"compact": "the default, `good`", "quick": "`quick`", "best": "`best`"}
    rows = [
        [
            names.get(name, name),
            scores["pairs"],
            *_scores(scores),
            f"{scores['mean_layout']:.3f}",
            f"{scores['mean_grain']:.1f}",
            f"{scores['mean_dark']:.2f}, {scores['mean_bright']:.2f}",
            f"{scores['mean_seconds']:.1f} s",
        ]
        for name, scores in part["summary"].items()
        if scores is not None
    ]
    return table(
        [
            "effort or backbone",
            "pairs",
            "style error",
            "content error",
            "worst style error",
            "layout",
            "grain",
            "modeling in dark, bright",
            "time",
        ],
        rows,
    )


def _paint_published(part: dict[str, Any]) -> str:
    names = {"compact": "ours, the defaults", "published": "published"}
    rows = [
        [
            row["pair"],
            names[row["painter"]],
            f"{row['style']:.3f}",
            f"{row['content']:.2f}",
            f"{row['layout']:.3f}",
            f"{row['grain']:.1f}",
        ]
        for row in part["published"]
    ]
    return table(["photo and style", "picture", "style error", "content error", "layout", "grain"], rows)


def _paint_trade(part: dict[str, Any]) -> str:
    rows = [
        [row["painter"], row["strength"], *_scores(row), f"{row['mean_layout']:.3f}"] for row in part["trade"]
    ]
    return table(["painter", "strength", "style error", "content error", "worst style error", "layout"], rows)


def _scores(of: dict[str, Any]) -> list[str]:
    return [f"{of['mean_style']:.3f}", f"{of['mean_content']:.2f}", f"{of['worst_style']:.3f}"]


_MORE = ("layout", "grid", "identity")


def _more(of: dict[str, Any]) -> list[str]:
    """A dash for what older results do not have."""
    forms = {"mean_layout": "{:.3f}", "mean_grid": "{:.1f}", "identity": "{:.1f} dB"}
    return [form.format(of[name]) if name in of else "-" for name, form in forms.items()]


def _any_style_quality(part: dict[str, Any]) -> str:
    names = {"ours": "`adaptive`, ours", "photo": "the photo itself"}
    rows = [
        [names.get(name, f"`{name}`"), *_scores(scores), *_more(scores)]
        for name, scores in part["summary"].items()
    ]
    return table(["method", "style error", "content error", "worst style error", *_MORE], rows)


def _any_style_speed(part: dict[str, Any]) -> str:
    rows = [
        [name, f"{times['encode_ms']:.0f} ms", f"{times['picture_ms']:.0f} ms"]
        for name, times in part["times"].items()
    ]
    return table(["method", "a new style", "each picture of 512 x 512"], rows)


def _paint_speed(part: dict[str, Any]) -> str:
    columns = {
        "long side in pixels": "{size}",
        "whole command": "{seconds:.1f} s",
        "peak memory": "{peak_gb:.2f} GB",
        "runs": "{runs}",
    }
    return _listed(part, columns)


def _gradients(part: dict[str, Any]) -> str:
    columns = {
        "backbone, precision": "{backbone}",
        "one gradient at 512 pixels": "{seconds:.2f} s",
        "times as fast as VGG-19": "{times_vgg19:.1f}",
    }
    return _listed(part, columns)


def _curve(part: dict[str, Any]) -> str:
    rows = [
        [
            row["pair"],
            f"{row['photo']:.3f}",
            *(f"{row[way]:.4f} in {row[f'{way}_seconds']:.0f} s" for way in _WAYS),
        ]
        for row in part["final"]
    ]
    head = [f"{way}, {part['gradients'][way]} gradients" for way in _WAYS]
    return table(["pair", "objective of the photo", *head], rows)


_WAYS = ("recolored", "ladder", "single")


def _grade(part: dict[str, Any]) -> str:
    columns = {
        "method": "{method}",
        "pairs": "{pairs}",
        "distance": "{distance:.2f}",
        "structure": "{ssim:.2f}",
        "orientation": "{orientation:.3f}",
        "grain": "{grain:.2f}",
    }
    return _listed(part, columns)


def _runtimes(part: dict[str, Any]) -> str:
    columns = {
        "network": "`{network}`",
        "runtime": "{runtime}",
        "precision": "{precision}",
        "photo 512 x 512": "{photo_512x512_ms:.0f} ms",
        "frame 512 x 512": "{frame_512x512_ms:.0f} ms",
        "frame 1280 x 720": "{frame_1280x720_ms:.0f} ms",
        "levels off": "{levels_off:.1f}",
        "ready in": "{seconds_to_get_ready:.1f} s",
    }
    return _listed(part, columns)


def _video_speed(part: dict[str, Any]) -> str:
    rows = [
        [
            row["size"],
            "yes" if row["steady"] else "no",
            "yes" if row["fast"] else "no",
            f"{row['frames a second']:.1f}",
            f"{row['with start-up']:.1f}",
            f"{row['peak MB']:.0f} MB",
        ]
        for row in part["rows"]
    ]
    return table(["size", "steady", "fast", "frames a second", "with start-up", "peak memory"], rows)


def _steady(part: dict[str, Any]) -> str:
    columns = {
        "clip": "{clip}",
        "style": "`{style}`",
        "warping error by frame": "{by frame:.3f}",
        "steady": "{steady:.3f}",
        "less": "{less:.0%}",
        "steady and fast": "{fast:.3f}",
        "what it takes": "{ms a frame:.0f} ms a frame",
    }
    return _listed(part, columns)


def _huge(part: dict[str, Any]) -> str:
    columns = {
        "pixels": "{size}",
        "tiles of": "{tile}",
        "whole command": "{seconds:.1f} s",
        "peak memory": "{peak_gb:.2f} GB",
        "by `--dry-run`": "{estimate_gb:.2f} GB",
    }
    return _listed(part, columns)


def _huge_paint(part: dict[str, Any]) -> str:
    columns = {
        "long side in pixels": "{size}",
        "tiles of": "{tile}",
        "one gradient": "{seconds_per_gradient:.2f} s",
        "peak memory": "{peak_gb:.2f} GB",
        "expected": "{expected_gb:.2f} GB",
    }
    return _listed(part, columns)


def _workers(part: dict[str, Any]) -> str:
    columns = {
        "who works": "{crew}",
        "workers": "{workers}",
        "threads each": "{threads}",
        f"{part['photos']} photos of {part['size']} pixels": "{seconds:.1f} s",
        "until the first": "{seconds_to_start:.1f} s",
        "photos a second from then on": "{images_per_second:.1f}",
    }
    return _listed(part, columns)


def _exports(part: dict[str, Any]) -> str:
    columns = {
        "": "{kind}",
        "size": "{megabytes:.2f} MB",
        "exported in": "{seconds_to_export:.0f} s",
        "off PyTorch": "{difference:.1g}",
        "near float32's pictures": "{psnr:.0f} dB, at worst {worst_psnr:.0f}",
        "photo 512 x 512 in ONNX Runtime": "{photo_512x512_ms:.0f} ms",
    }
    return _listed(part, columns)


def _in_a_browser(part: dict[str, Any]) -> str:
    page = part["page"]
    rows = [
        ["the page opens, network and all", f"{page['seconds_to_open']:.1f} s"],
        ["a photo of 512 x 512", f"{page['photo_512x512_ms']:.0f} ms"],
        *(
            [f"camera, {name.split('_')[1]} pixels high", f"{rate:.1f} pictures a second"]
            for name, rate in page.items()
            if name.startswith("camera_")
        ),
    ]
    return table(["in Chromium, by WebAssembly in one thread", ""], rows)


_MAKERS: dict[str, tuple[str, str, Make]] = {
    "stylize network": ("stylize", "speed", _network),
    "stylize by size": ("stylize", "speed", _by_size),
    "stylize quality": ("stylize", "quality", _style_quality),
    "any style quality": ("any_style", "quality", _any_style_quality),
    "any style quality of all pairs": ("any_style", "quality of ours", _any_style_quality),
    "any style speed": ("any_style", "speed", _any_style_speed),
    "paint speed": ("paint", "speed", _paint_speed),
    "paint gradients": ("paint", "gradients", _gradients),
    "paint quality": ("paint", "quality", _paint_quality),
    "paint published": ("paint", "quality", _paint_published),
    "paint trade": ("paint", "quality", _paint_trade),
    "paint curve": ("paint", "curve", _curve),
    "grade methods": ("grade", "methods", _grade),
    "runtimes": ("runtime", "runtimes", _runtimes),
    "video speed": ("video", "speed", _video_speed),
    "video steady": ("video", "steady", _steady),
    "huge stylize": ("huge", "stylize", _huge),
    "huge paint": ("huge_paint", "tiles", _huge_paint),
    "workers": ("cluster", "workers", _workers),
    "exports": ("export", "export", _exports),
    "exports in a browser": ("export", "export", _in_a_browser),
}
TABLES = {name: partial(measured, *how) for name, how in _MAKERS.items()}
