"""A training on disk: whole or not at all, and only for the options that it was made with."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.errors import UsageError, WeightsError
from impasto.training import checkpoints
from impasto.training.checkpoints import load_checkpoint, restoring, save_checkpoint

SETTINGS = {"size": 64, "style_layers": (("relu1_1", 0.5),), "skips": None, "workers": 2, "start": "ab"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.pt"


def state(step: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(step)
    moments = {0: {"exp_avg": torch.randn(3, generator=generator), "step": torch.tensor(float(step))}}
    return {"step": step, "network": {"weight": torch.randn(2, 3, generator=generator)}, "optimiser": moments}


def test_what_is_saved_comes_back(path: Path) -> None:
    save_checkpoint(path, SETTINGS, state(1))
    save_checkpoint(path, SETTINGS, state(2))
    loaded, expected = load_checkpoint(path, SETTINGS), state(2)
    assert loaded["step"] == 2
    torch.testing.assert_close(loaded["network"], expected["network"], rtol=0, atol=0)
    torch.testing.assert_close(loaded["optimiser"], expected["optimiser"], rtol=0, atol=0)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("unexpected pos 64")])
def test_a_full_disk_keeps_the_one_before(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    save_checkpoint(path, SETTINGS, state(1))

    def half(what: object, target: Path) -> None:
        target.write_bytes(b"PK")
        raise error

    monkeypatch.setattr(checkpoints.torch, "save", half)
    with pytest.raises(WeightsError, match=r"the one before is kept.*make room, and go on with resume=True"):
        save_checkpoint(path, SETTINGS, state(2))
    assert load_checkpoint(path, SETTINGS)["step"] == 1
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_disk_that_fills_up_when_flushed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(path, SETTINGS, state(1))

    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("impasto.imaging.files.os.fsync", refuse)
    with pytest.raises(WeightsError, match="No space left on device"):
        save_checkpoint(path, SETTINGS, state(2))
    assert load_checkpoint(path, SETTINGS)["step"] == 1


def test_all_options_that_differ_are_named(path: Path) -> None:
    save_checkpoint(path, SETTINGS, state(1))
    other = {**SETTINGS, "size": 128, "skips": (2, 3), "style picture": "cafe"} | {"start": "cd"}
    with pytest.raises(UsageError) as caught:
        load_checkpoint(path, other)
    message = str(caught.value)
    assert message.startswith(f"{path} cannot be resumed: size was 64 and is now 128; ")
    for part in (
        "skips was not set and is now (2, 3)",
        "start was ab and is now cd",
        "style picture was not set and is now cafe",
    ):
        assert part in message
    assert "style_layers" not in message


@pytest.mark.parametrize("name", ["workers", "device"])
def test_what_computes_it_may_change(path: Path, name: str) -> None:
    save_checkpoint(path, SETTINGS, state(1))
    assert load_checkpoint(path, {**SETTINGS, name: "other"})["step"] == 1


def test_lists_and_tuples_are_alike(path: Path) -> None:
    save_checkpoint(path, SETTINGS, state(1))
    assert load_checkpoint(path, {**SETTINGS, "style_layers": [["relu1_1", 0.5]]})["step"] == 1


def test_no_checkpoint(path: Path) -> None:
    with pytest.raises(WeightsError, match=r"there is no checkpoint .*checkpoint\.pt to resume: leave out"):
        load_checkpoint(path, SETTINGS)


def test_a_folder_in_its_place(path: Path) -> None:
    path.mkdir()
    with pytest.raises(WeightsError, match="cannot be read"):
        load_checkpoint(path, SETTINGS)


@pytest.mark.parametrize("content", ["cut", "empty", "text", "other"])
def test_damaged_files(path: Path, content: str) -> None:
    save_checkpoint(path, SETTINGS, state(1))
    whole = path.read_bytes()
    if content == "other":
        torch.save(torch.ones(3), path)
    else:
        path.write_bytes(
            {"cut": whole[: len(whole) // 2], "empty": b"", "text": b"a thousand words"}[content]
        )
    with pytest.raises(WeightsError, match="is no checkpoint, or damaged: remove it to start anew"):
        load_checkpoint(path, SETTINGS)


def recursive() -> list[Any]:
    whole: list[Any] = []
    whole.append(whole)
    return whole


@pytest.mark.parametrize(
    "settings",
    [{1: 2}, {"size": torch.ones(2)}, {"size": recursive()}, {"size": {torch.ones(2): 1}}, [1], None],
    ids=["numbers as names", "a tensor", "a list in itself", "a tensor as a key", "a list", "nothing"],
)
def test_settings_that_are_none(path: Path, settings: Any) -> None:
    torch.save({"format": 1, "settings": settings, "state": {}}, path)
    with pytest.raises((WeightsError, UsageError), match=r"is no checkpoint, or damaged|cannot be resumed"):
        load_checkpoint(path, SETTINGS)


class Command:
    """A pickle that would run something when it is opened."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._target,)


def test_code_in_a_pickle_does_not_run(path: Path) -> None:
    trace = path.with_name("trace")
    torch.save({"format": 1, "settings": SETTINGS, "state": Command(trace)}, path)
    with pytest.raises(WeightsError, match="is no checkpoint, or damaged"):
        load_checkpoint(path, SETTINGS)
    assert not trace.exists()
    path.write_bytes(pickle.dumps(Command(trace)))
    with pytest.raises(WeightsError, match="is no checkpoint, or damaged"):
        load_checkpoint(path, SETTINGS)
    assert not trace.exists()


def test_another_version(path: Path) -> None:
    torch.save({"format": 2, "settings": SETTINGS, "state": {}}, path)
    with pytest.raises(WeightsError, match="of another version of impasto"):
        load_checkpoint(path, SETTINGS)


@pytest.mark.parametrize("error", [KeyError("good"), RuntimeError("Missing key(s)"), TypeError("no number")])
def test_a_state_of_another_training_is_told(error: Exception) -> None:
    words = "the checkpoint is damaged: begin anew with overwrite=True"
    with pytest.raises(WeightsError, match=words), restoring():
        raise error
