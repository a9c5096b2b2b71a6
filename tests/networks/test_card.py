"""Style cards: what is written comes back, and no file can do harm."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from impasto import networks
from impasto.errors import WeightsError
from impasto.networks.card import Card, fingerprint, load_card, load_primed, load_summary, save_card
from impasto.weights import load_metadata


def test_round_trip(card: Card, card_file: Path) -> None:
    save_card(card, card_file)
    found = load_card(card_file)
    for field in fields(Card):
        if field.name != "tensors":
            assert getattr(found, field.name) == getattr(card, field.name), field.name
    assert found.tensors.keys() == card.tensors.keys()
    for name, tensor in found.tensors.items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, card.tensors[name])
    assert [path.name for path in card_file.parent.iterdir()] == ["wave.safetensors"]


def test_the_same_picture_comes_back(card: Card, card_file: Path) -> None:
    save_card(card, card_file)
    image = torch.rand(1, 3, 33, 40)
    network = load_card(card_file).build()
    assert torch.equal(network(image), card.build()(image))
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("kind", ["int8", "int16", "uint16", "int64", "bool", "complex64", "float64"])
def test_weights_that_are_no_floats(card: Card, card_file: Path, kind: str) -> None:
    """Integers would be taken for weights; a float64 may be beyond what is computed in."""
    save_card(card, card_file)
    tensors, metadata = load_file(card_file), load_metadata(card_file)
    name = min(tensors)
    tensors[name] = torch.full(tensors[name].shape, 1, dtype=getattr(torch, kind))
    if kind == "float64":
        tensors[name] *= 1e300
    save_file(tensors, card_file, metadata)
    words = "holds infinity" if kind == "float64" else f"is of {kind}: weights are floats"
    with pytest.raises(WeightsError, match=rf"{name} in .*wave\.safetensors {words}"):
        load_card(card_file)


def test_texts_that_no_encoding_has(card: Card, card_file: Path) -> None:
    """As of a style whose file's name is not valid UTF-8."""
    card_file = card_file.with_name("wave\udcff.safetensors")
    save_card(replace(card, style="wave\udcff", options={"style": "wave\udcff.jpg"}), card_file)
    found = load_card(card_file)
    assert all(torch.equal(tensor, card.tensors[name]) for name, tensor in found.tensors.items())
    assert (found.style, found.options) == ("wave?", {"style": "wave\udcff.jpg"})
    card_file.write_bytes(card_file.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="cannot read the weights file"):
        load_summary(card_file)


@pytest.mark.parametrize("name", networks.NAMES)
def test_every_network_has_cards(name: str, card_file: Path) -> None:
    network = networks.build(name)
    save_card(Card(network=name, config=network.config, tensors=network.state_dict()), card_file)
    found = load_card(card_file)
    assert found.config == network.config
    assert isinstance(found.build(), type(network))


def test_files_are_in_float16_and_readable_by_others(card: Card, card_file: Path) -> None:
    save_card(card, card_file)
    with safe_open(card_file, framework="pt") as file:
        metadata = file.metadata()
    assert {tensor.dtype for tensor in load_file(card_file).values()} == {torch.float16}
    assert metadata["impasto"] == "style card"
    assert metadata["format"] == "1"
    assert metadata["network"] == "light"
    assert metadata["version"] == card.impasto
    assert metadata["title"] == "Under the Wave off Kanagawa — 神奈川沖浪裏"
    assert json.loads(metadata["config"]) == {"channels": [8, 8], "blocks": [0, 1, 0], "last_channels": 4}


def test_summary_has_all_but_the_weights(card: Card, card_file: Path) -> None:
    save_card(card, card_file)
    assert load_summary(card_file) == replace(card, tensors={})


def test_training_goes_on_from_a_card_without_changing_it(card: Card) -> None:
    kept = {name: tensor.clone() for name, tensor in card.tensors.items()}
    network = card.build().requires_grad_(True)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in card.tensors.items())


@pytest.mark.parametrize("value", [1e5, torch.inf, torch.nan])
def test_weights_beyond_float16_are_refused_and_leave_no_file(
    card: Card, card_file: Path, value: float
) -> None:
    broken = replace(card, tensors={**card.tensors, "last.conv2d.bias": torch.full((12,), value)})
    with pytest.raises(WeightsError, match=r"was not written: last\.conv2d\.bias is not finite in float16"):
        save_card(broken, card_file)
    assert not card_file.exists()


def test_a_card_that_is_replaced_stays_whole_when_writing_fails(card: Card, card_file: Path) -> None:
    save_card(card, card_file)
    card_file.parent.chmod(0o500)
    try:
        if not writable(card_file.parent):
            with pytest.raises(WeightsError, match="cannot write the weights file"):
                save_card(replace(card, style="other"), card_file)
            assert load_card(card_file).style == "wave"
    finally:
        card_file.parent.chmod(0o700)


def writable(folder: Path) -> bool:
    """Of the administrator's, every folder is."""
    try:
        (folder / "probe").touch()
    except OSError:
        return False
    (folder / "probe").unlink()
    return True


def rewritten(
    path: Path, metadata: Mapping[str, str | None], tensors: Mapping[str, Tensor | None] | None = None
) -> None:
    """Another file at `path`: None removes a name."""
    with safe_open(path, framework="pt") as file:
        old = file.metadata()
    changed = load_file(path) | dict(tensors or {})
    save_file(
        {name: tensor for name, tensor in changed.items() if tensor is not None},
        path,
        {name: text for name, text in (old | dict(metadata)).items() if text is not None},
    )


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"impasto": None}, "is no style card: make one with impasto train"),
        ({"impasto": "backbone"}, "is no style card"),
        ({"format": "2"}, "of format 2, newer than this impasto: upgrade it"),
        ({"format": None}, "of an unknown format ''"),
        ({"format": "one"}, "of an unknown format 'one'"),
        ({"format": "-1"}, "of an unknown format"),
        ({"format": "9" * 5000}, "of an unknown format"),
        ({"config": "{"}, "damaged style card: its config cannot be read"),
        ({"config": "[8, 8]"}, "its config cannot be read"),
        ({"scores": "3"}, "its scores cannot be read"),
        ({"options": "[" * 200_000}, "its options cannot be read"),
        ({"options": json.dumps({"text": "x" * 2_000_000})}, "its options cannot be read"),
        ({"config": '{"channels": ' + "9" * 5000 + "}"}, "its config cannot be read"),
    ],
)
def test_damaged_metadata(
    card: Card, card_file: Path, metadata: Mapping[str, str | None], message: str
) -> None:
    save_card(card, card_file)
    rewritten(card_file, metadata)
    for load in (load_card, load_summary):
        with pytest.raises(WeightsError, match=message) as caught:
            load(card_file)
        assert str(card_file) in str(caught.value)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"network": "resnet"}, "cannot use: there is no network resnet"),
        ({"network": None}, "cannot use: there is no network"),
        ({"config": '{"colour": 3}'}, "cannot use: a light network cannot be built"),
        ({"config": '{"name": "unet"}'}, "cannot use: a light network cannot be built"),
        ({"config": '{"channels": null}'}, "cannot use: a light network cannot be built"),
        ({"config": '{"channels": [8.5, 8]}'}, "cannot use: a light network cannot be built"),
        ({"config": '{"channels": [0, -8]}'}, "cannot use: a light network cannot be built"),
        ({"config": '{"channels": [100000, 100000]}'}, "cannot use: a light network cannot be built"),
        ({"config": '{"blocks": [0, 1000000000, 0]}'}, "cannot use: a light network cannot be built"),
        ({"config": "{}"}, "damaged style card: it has no body"),
        ({"network": "transformer_net", "config": "{}"}, "damaged style card: it has no conv1"),
    ],
)
def test_networks_that_cannot_be(
    card: Card, card_file: Path, metadata: Mapping[str, str | None], message: str
) -> None:
    save_card(card, card_file)
    rewritten(card_file, metadata)
    with pytest.raises(WeightsError, match=message) as caught:
        load_card(card_file)
    assert str(card_file) in str(caught.value)


def test_a_card_cannot_ask_for_memory_that_it_does_not_fill(card: Card, card_file: Path) -> None:
    resource = pytest.importorskip("resource")  # Windows has none
    save_card(card, card_file)
    rewritten(card_file, {"config": '{"channels": [4096, 4096], "blocks": [9, 9, 9]}'})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError, match="damaged style card: it has no"):
        load_card(card_file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes, of 30 million


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("last.conv2d.bias", None, "damaged style card: it has no last.conv2d.bias"),
        ("extra", torch.ones(3), "damaged style card: it has extra, which is unknown"),
        ("last.conv2d.bias", torch.ones(3), r"its last.conv2d.bias is \(3,\), not \(12,\)"),
        ("last.conv2d.bias", torch.full((12,), torch.nan), "last.conv2d.bias in .* holds NaN"),
        ("last.conv2d.bias", torch.full((12,), -torch.inf), "last.conv2d.bias in .* holds infinity"),
    ],
)
def test_damaged_weights(card: Card, card_file: Path, name: str, tensor: Tensor | None, message: str) -> None:
    save_card(card, card_file)
    rewritten(card_file, {}, {name: tensor})
    with pytest.raises(WeightsError, match=message) as caught:
        load_card(card_file)
    assert str(card_file) in str(caught.value)


@pytest.mark.parametrize("kept", [0, 4, 100, -10])
def test_truncated_file(card: Card, card_file: Path, kept: int) -> None:
    save_card(card, card_file)
    card_file.write_bytes(card_file.read_bytes()[:kept])
    for load in (load_card, load_summary):
        with pytest.raises(WeightsError, match=r"cannot read the weights file .*wave\.safetensors"):
            load(card_file)


class Code:
    """Would make a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ""])
def test_a_pickle_with_code_is_not_run(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"card{suffix}"
    torch.save(Code(tmp_path / "owned"), path)
    with pytest.raises(WeightsError, match=r"cannot read the weights file|is no style card"):
        load_card(path)
    assert not (tmp_path / "owned").exists()


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no weights file"):
        load_card(tmp_path / "none.safetensors")
    with pytest.raises(WeightsError, match="is a folder"):
        load_summary(tmp_path)


def test_a_card_made_by_hand_that_does_not_fit(card: Card) -> None:
    for broken in (replace(card, config={}), replace(card, network="resnet"), replace(card, tensors={})):
        with pytest.raises(WeightsError, match="the weights of the card wave do not fit a"):
            broken.build()


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the embedded file is looked for; there is none yet."""
    path = tmp_path / "primed.safetensors"
    monkeypatch.setattr("impasto.networks.card._FILE", path)
    return path


def test_none_is_embedded(embedded: Path) -> None:
    assert load_primed() is None


def test_loads_what_is_embedded(embedded: Path, card: Card) -> None:
    save_card(replace(card, style="", base=""), embedded)
    found = load_primed("light")
    assert found is not None
    assert (found.style, fingerprint(found)) == ("", fingerprint(card))
    assert load_primed("unet") is None


def test_damaged(embedded: Path) -> None:
    embedded.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"primed\.safetensors"):
        load_primed()


def test_fingerprint_is_the_documented_one(card: Card) -> None:
    digest = hashlib.sha256()
    for name, tensor in sorted(card.tensors.items()):
        digest.update(name.encode() + tensor.half().numpy().tobytes())
    assert fingerprint(card) == digest.hexdigest()[:16]


def test_fingerprint_survives_saving_order_and_layout(card: Card, card_file: Path) -> None:
    precise = {name: torch.rand_like(tensor) for name, tensor in card.tensors.items()}
    card = replace(card, tensors=precise)
    save_card(card, card_file)
    turned = {
        name: tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
        for name, tensor in reversed(precise.items())
    }
    found = load_card(card_file)
    assert fingerprint(card) == fingerprint(found) == fingerprint(replace(card, tensors=turned))


def test_fingerprint_tells_weights_and_names_apart(card: Card) -> None:
    name = min(card.tensors)
    louder = {**card.tensors, name: card.tensors[name] * 1.01}
    renamed = {f"{n}x": t for n, t in card.tensors.items()}
    assert len({fingerprint(card), *(fingerprint(replace(card, tensors=t)) for t in (louder, renamed))}) == 3
