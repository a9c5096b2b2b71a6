"""What a training leaves for people to look at."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import MissingExtraError
from impasto.training import metrics_log
from impasto.training.metrics_log import MetricsLog


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "losses.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_tenth_step_ends_a_row_of_means(tmp_path: Path) -> None:
    made = MetricsLog(tmp_path / "wave.training")
    for step in range(1, 25):
        made.note(step, {"total": float(step), "style": 1.0})
    made.save()
    assert rows(made.folder) == [
        {"step": "10", "total": "5.5", "style": "1"},
        {"step": "20", "total": "15.5", "style": "1"},
    ]


def test_held_out_photos_end_a_row_too(tmp_path: Path) -> None:
    made = MetricsLog(tmp_path)
    for step in range(1, 15):
        made.note(step, {"total": float(step)})
        if step in (10, 13):
            made.validated(step, {"total": 100.0 + step})
    made.close()
    assert rows(tmp_path) == [
        {"step": "10", "total": "5.5", "held_out_total": "110"},
        {"step": "13", "total": "12", "held_out_total": "113"},
    ]
    with Image.open(tmp_path / "losses.png") as plot:
        assert min(plot.size) > 200


def test_held_out_photos_before_any_step(tmp_path: Path) -> None:
    made = MetricsLog(tmp_path)
    made.validated(1, {"total": 2.0})  # the first step was taken back
    made.close()
    assert rows(tmp_path) == [{"step": "1", "held_out_total": "2"}]


def test_nothing_noted_nothing_written(tmp_path: Path) -> None:
    MetricsLog(tmp_path / "none").close()
    assert not (tmp_path / "none").exists()


def test_a_run_that_was_cut_off_is_gone_on_with(tmp_path: Path) -> None:
    first = MetricsLog(tmp_path)
    for step in range(1, 41):
        first.note(step, {"total": float(step)})
    first.save()
    second = MetricsLog(tmp_path, 20)  # the checkpoint's step
    for step in range(21, 31):
        second.note(step, {"total": 0.0})
    second.save()
    assert [(row["step"], row["total"]) for row in rows(tmp_path)] == [
        ("10", "5.5"),
        ("20", "15.5"),
        ("30", "0"),
    ]


@pytest.mark.parametrize("content", ["", "step,total\n1,many\n", "total\n3\n", "\0\1", "9" * 200_000])
def test_a_table_that_cannot_be_read_begins_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "losses.csv").write_text(content)
    made = MetricsLog(tmp_path, 100)
    made.validated(100, {"total": 1.0})
    made.save()
    assert [row["step"] for row in rows(tmp_path)] == ["100"]


def test_a_sheet_of_photos_over_pictures(tmp_path: Path) -> None:
    photos, painted = torch.zeros(3, 3, 16, 24), torch.full((3, 3, 16, 24), 1.4)
    path = MetricsLog(tmp_path).sample(70, [photos, painted])
    assert path == tmp_path / "samples" / "000070.jpg"
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet.convert("L"), dtype=float)
    assert pixels.shape == (2 * 16 + 4, 3 * 24 + 2 * 4)
    assert pixels[:14, :22].max() < 20
    assert pixels[22:].min() > 235


def test_no_plot_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_log, "find_spec", lambda name: None)
    made = MetricsLog(tmp_path)
    made.validated(1, {"total": 2.0})
    made.close()
    assert [path.name for path in tmp_path.iterdir()] == ["losses.csv"]


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    made = MetricsLog(tmp_path, tensorboard=True)
    for step in range(1, 21):
        made.note(step, {"total": float(step)})
    made.validated(20, {"total": 3.0})
    made.sample(20, [torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)])
    made.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("training/total")] == [
        (10, 5.5),
        (20, 15.5),
    ]
    assert [event.value for event in events.Scalars("held out/total")] == [3.0]
    assert events.Tags()["images"] == ["samples"]


def test_tensorboard_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_log, "find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError, match=r"--tensorboard needs TensorBoard: pip install 'impasto\[train\]'"
    ):
        MetricsLog(tmp_path, tensorboard=True)
