"""`impasto prime`, end to end with small files."""

import re
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from skimage import data

from impasto.cli.prime import FLAGS
from impasto.networks.card import fingerprint, load_card
from impasto.training.options import PrimeOptions

Impasto = Callable[..., Any]
OUT = "primed.safetensors"
SMALL = (
    "--size",
    "32",
    "--batch",
    "2",
    "--workers",
    "0",
    "--steps",
    "2",
    "--backbone",
    "backbone.safetensors",
)


@pytest.fixture
def prime(impasto: Impasto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compact_file: Path) -> Impasto:
    """Run `impasto prime` on two photos, small and short; later flags override."""
    (tmp_path / "photos").mkdir()
    for name in ("astronaut", "coffee"):
        Image.fromarray(getattr(data, name)()).resize((72, 60)).save(tmp_path / "photos" / f"{name}.jpg")
    Image.fromarray(data.immunohistochemistry()).resize((64, 64)).save(tmp_path / "wave.jpg")
    shutil.copy(compact_file, tmp_path / "backbone.safetensors")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, **rest: impasto("prime", "--photos", "photos", *SMALL, *arguments, **rest)


@pytest.mark.parametrize("network", ["light", "encoder_decoder"])
def test_primes_and_trains_from_it(prime: Impasto, impasto: Impasto, network: str) -> None:
    result = prime("-o", OUT, "--network", network)
    assert result.exit_code == 0, (result.stderr, result.exception)
    lines = result.stderr.splitlines()
    assert lines[0].startswith("note: 2 photos in photos are few: ")
    assert any(re.search(r"priming  1/2, pixels [\d.]+", line) for line in lines)
    assert re.fullmatch(
        rf"{OUT}: \d\.\d MB, held-out loss [\d.]+ after 2 steps; this run took \d+ s", lines[-3]
    )
    assert lines[-1] == (
        f"use it: impasto train style.jpg --from {OUT} --network {network} -o card.safetensors"
    )
    card = load_card(OUT)
    assert (card.network, card.style, card.base) == (network, "", "")

    arguments = ("wave.jpg", "--photos", "photos", *SMALL, "--style-size", "48", "--network", network)
    result = impasto("train", *arguments, "--from", OUT, "-o", "card.safetensors")
    assert result.exit_code == 0, result.stderr
    assert load_card("card.safetensors").base == fingerprint(card)


def test_the_content_loss(prime: Impasto) -> None:
    result = prime("-o", OUT, "--loss", "content")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"priming  1/2, content [\d.]+, pixels [\d.]+", result.stderr)
    assert load_card(OUT).options["loss"] == "content"


def test_quiet(prime: Impasto) -> None:
    assert prime("-o", OUT, "--quiet").output == ""


def test_every_option_has_a_flag_with_its_default(impasto: Impasto) -> None:
    assert FLAGS.keys() == {field.name for field in fields(PrimeOptions)}
    text = impasto("prime", "--help-all").stdout
    for field in fields(PrimeOptions):
        (line,) = (line for line in text.splitlines() if f"--{field.name.replace('_', '-')} " in line)
        assert f"({FLAGS[field.name].unset if field.default is None else field.default})" in line


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (["-o", "primed.pth"], 2, "primed.pth must end in .safetensors"),
        (["-o", "backbone.safetensors"], 2, "backbone.safetensors exists: name another file, or replace it"),
        (["-o", OUT, "--resume"], 1, "there is no checkpoint"),
        (["-o", OUT, "--loss", "huber"], 2, "loss must be one of pixels, content, not huber"),
        (["-o", OUT, "--network", "perceptron"], 2, "there is no network perceptron"),
        (["-o", OUT, "--photos", "none"], 2, "none does not exist"),
        (["-o", OUT, "--minutes", "2"], 2, "give one of them"),
    ],
)
def test_bad_input_gets_one_line(prime: Impasto, arguments: list[str], code: int, fragment: str) -> None:
    result = prime(*arguments)
    assert result.exit_code == code, result.stderr
    assert "Traceback" not in result.output
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("error: "))
    assert fragment in line
    assert not Path(OUT).exists()
