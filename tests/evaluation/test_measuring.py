"""Pairs through the style_metrics: controls, resuming, what cannot be read, and what comes of it all."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import UsageError
from impasto.evaluation import measuring, pictures
from impasto.evaluation.measuring import MeasurementStore, Method, measure
from impasto.evaluation.metrics import StyleMetrics
from impasto.evaluation.options import EvaluateOptions
from impasto.evaluation.outcome import Outcome
from impasto.evaluation.pictures import CONTROLS, list_pictures, match_results
from tests.evaluation.conftest import PHOTOS, STYLES, Results

OPTIONS = EvaluateOptions(size=64, resamples=200)

Folders = tuple[Path, Path]


class Counting(StyleMetrics):
    """Counts what it does."""

    def __init__(self, other: StyleMetrics) -> None:
        self.__dict__.update(other.__dict__)
        self.measured = self.encoded = 0

    def measure(self, *arguments: object) -> dict[str, float]:
        self.measured += 1
        return super().measure(*arguments)  # type: ignore[arg-type]

    def photo(self, image: torch.Tensor) -> object:  # type: ignore[override]
        self.encoded += 1
        return super().photo(image)


def method(folder: Path, seconds: Mapping[tuple[str, str], float] | None = None) -> Method:
    return Method(folder.name, match_results(folder, PHOTOS, STYLES).pictures, seconds or {})


def evaluate(folders: Folders, style_metrics: StyleMetrics, *methods: Method, **options: object) -> Outcome:
    photos, styles = map(list_pictures, folders)
    return measure(photos, styles, methods, style_metrics, OPTIONS, **options)  # type: ignore[arg-type]


def test_every_pair_is_measured_as_the_yardstick_does(
    folders: Folders, style_metrics: StyleMetrics, mix: Results
) -> None:
    folder = mix("half", 0.5)
    outcome = evaluate(folders, style_metrics, method(folder))
    photo = pictures.read(folders[0] / "chelsea.png", 64)
    style = pictures.read(folders[1] / "great-wave.png", 64)
    assert photo.shape == (1, 3, 48, 64) and style.shape == (1, 3, 64, 64)
    picture, stretched = pictures.read_like(folder / "chelsea-great-wave.png", photo)
    assert not stretched
    expected = style_metrics.measure(picture, style_metrics.photo(photo), style_metrics.style(style))
    place = outcome.photos.index("chelsea"), outcome.styles.index("great-wave")
    assert {k: outcome.values["half"][k][place] for k in expected} == pytest.approx(expected)
    assert outcome.common.all() and outcome.failures == outcome.notes == ()
    assert len(outcome.pairs()) == 4
    told = outcome.pairs()[0]
    assert (told["photo"], told["style"]) == ("astronaut", "great-wave")
    assert told["values"].keys() == {"half", *CONTROLS}


def test_controls_are_always_there_and_where_they_should_be(
    folders: Folders, style_metrics: StyleMetrics, mix: Results
) -> None:
    """A method that does nothing is the control that does nothing; rows are sorted, controls last."""
    outcome = evaluate(
        folders, style_metrics, *(method(mix(n, s)) for n, s in (("nothing", 0), ("most", 0.9)))
    )
    rows = {row.name: row for row in outcome.rows}
    assert list(rows) == ["most", "nothing", *CONTROLS]
    assert [row.control for row in outcome.rows] == [False, False, True, True, True]
    for metric in ("moments", "gram"):
        assert rows["nothing"].estimates[metric].mean == pytest.approx(rows["photo"].estimates[metric].mean)
        assert rows["style"].estimates[metric].mean < rows["most"].estimates[metric].mean
    assert rows["photo"].estimates["content"].mean == 0
    assert rows["nothing"].estimates["content"].mean == pytest.approx(0, abs=1e-6)
    assert outcome.front == ("nothing", "most")
    assert "seconds" not in outcome.metrics


def test_comparing_is_by_pairs(folders: Folders, style_metrics: StyleMetrics, mix: Results) -> None:
    """With the same draws for both: of two that differ by a constant, the difference is certain."""
    outcome = evaluate(folders, style_metrics, method(mix("a", 0.3)), method(mix("b", 0.6)))
    found = {c.metric: c for c in outcome.compare("a", "b")}
    grids = [outcome.values[name] for name in ("a", "b")]
    for metric, comparison in found.items():
        assert comparison.difference.mean == pytest.approx(np.mean(grids[0][metric] - grids[1][metric]))
    assert found["content"].better == "a"
    shifted = {**outcome.values, "b": {k: v + 0.1 for k, v in grids[0].items()}}
    certain = replace(outcome, values=shifted).compare("b", "a")
    assert all(c.better == "a" and c.difference.low == pytest.approx(0.1) for c in certain)
    with pytest.raises(UsageError, match=r"no results with the name c: choose two of a, b, photo"):
        outcome.compare("a", "c")
    with pytest.raises(UsageError, match=r"not a twice"):
        outcome.compare("a", "a")


def test_what_was_measured_is_not_measured_again(
    folders: Folders, style_metrics: StyleMetrics, mix: Results, tmp_path: Path
) -> None:
    ours, folder, path = method(mix("ours", 0.5)), tmp_path / "ours", tmp_path / "kept" / "measured.jsonl"
    first, second, third = Counting(style_metrics), Counting(style_metrics), Counting(style_metrics)
    with pytest.raises(KeyboardInterrupt), MeasurementStore(path) as store:
        evaluate(folders, first, ours, store=store, on_picture=interrupt_at(6))
    with path.open("a") as file:
        file.write('{"key": "too much", "values": {"style": 1' + 400 * "0" + "}}\n" + 100_000 * "[" + "\n")
        file.write('{"key": "cut sho')  # as a kill leaves it
    with MeasurementStore(path) as store:
        outcome = evaluate(folders, second, ours, store=store)
    assert (first.measured, second.measured) == (6, 16 - 6)
    with Image.open(folder / "chelsea-great-wave.png") as picture:
        turned = picture.rotate(180)
    turned.save(folder / "chelsea-great-wave.png")
    with MeasurementStore(path) as store:
        changed = evaluate(folders, third, ours, store=store)
    assert (third.measured, third.encoded) == (1, 1)
    place = outcome.photos.index("chelsea"), outcome.styles.index("great-wave")
    same = changed.values["ours"]["content"] == outcome.values["ours"]["content"]
    assert not same[place] and same.sum() == 3
    np.testing.assert_array_equal(changed.values["style"]["gram"], outcome.values["style"]["gram"])


def interrupt_at(count: int) -> measuring.OnPicture:
    def watch(done: int, total: int) -> None:
        assert total == 16
        if done == count:
            raise KeyboardInterrupt

    return watch


def test_a_picture_that_cannot_be_read_is_told_and_left_out(
    folders: Folders, style_metrics: StyleMetrics, mix: Results
) -> None:
    folder = mix("ours", 0.5)
    broken = folder / "astronaut-starry-night.png"
    broken.write_bytes(broken.read_bytes()[:200])
    outcome = evaluate(folders, style_metrics, method(folder), method(mix("other", 0.2)))
    assert len(outcome.failures) == 1
    assert str(broken) in outcome.failures[0]
    assert outcome.common.sum() == 3
    expected = outcome.values["other"]["content"][outcome.common].mean()
    assert {row.name: row for row in outcome.rows}["other"].estimates["content"].mean == pytest.approx(
        expected
    )


def test_a_photo_that_cannot_be_read(folders: Folders, style_metrics: StyleMetrics, mix: Results) -> None:
    ours = method(mix("ours", 0.5))
    (folders[0] / "chelsea.png").write_bytes(b"no picture")
    outcome = evaluate(folders, style_metrics, ours)
    assert len(outcome.failures) == 1 and "chelsea.png" in outcome.failures[0]
    assert outcome.common.tolist() == [[True, True], [False, False]]
    (folders[0] / "astronaut.png").write_bytes(b"no picture either")
    with pytest.raises(UsageError, match=r"no pair .* could be measured for all results: .*astronaut\.png"):
        assert evaluate(folders, style_metrics, ours).rows


def test_missing_pictures_narrow_the_table_for_all(
    folders: Folders, style_metrics: StyleMetrics, mix: Results
) -> None:
    (mix("ours", 0.5) / "chelsea-great-wave.png").unlink()
    seconds = {("astronaut", "great-wave"): 2.0, ("astronaut", "starry-night"): 4.0}
    outcome = evaluate(folders, style_metrics, method(folders[0].parent / "ours", seconds))
    assert outcome.common.sum() == 3
    rows = {row.name: row for row in outcome.rows}
    assert rows["ours"].estimates["seconds"].mean == 3
    kept = outcome.values["photo"]["moments"][outcome.common]
    assert rows["photo"].estimates["moments"].mean == pytest.approx(kept.mean())


def test_blocks_of_styles_change_nothing(
    folders: Folders, style_metrics: StyleMetrics, mix: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = method(mix("ours", 0.5))
    whole = evaluate(folders, style_metrics, ours)
    monkeypatch.setattr(measuring, "_STYLES_AT_ONCE", 1)
    parts = evaluate(folders, style_metrics, ours)
    for name, grids in whole.values.items():
        for metric, grid in grids.items():
            np.testing.assert_array_equal(parts.values[name][metric], grid)


def test_another_shape_is_told(folders: Folders, style_metrics: StyleMetrics, mix: Results) -> None:
    folder = mix("ours", 0.5)
    for path in folder.iterdir():
        with Image.open(path) as picture:
            square = picture.resize((80, 80))
        square.save(path)
    told = ("ours: 4 pictures have another shape than their photo and were stretched to it",)
    store = MeasurementStore(None)
    assert evaluate(folders, style_metrics, method(folder), store=store).notes == told
    assert evaluate(folders, style_metrics, method(folder), store=store).notes == told


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert pictures.read(tmp_path / "clear.png", 64).min() == 1


def test_names_of_contenders(folders: Folders, style_metrics: StyleMetrics) -> None:
    with pytest.raises(UsageError, match=r"photo is the name of a control"):
        evaluate(folders, style_metrics, Method("photo", {}))
    with pytest.raises(UsageError, match=r"two results have the name a"):
        evaluate(folders, style_metrics, Method("a", {}), Method("a", {}))
