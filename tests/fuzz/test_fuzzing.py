"""The short form of fuzzing, the same inputs each time; and proof that the long form finds what there is."""

import random
import warnings
from pathlib import Path

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impasto.errors import ImpastoError
from tests.fuzz import mutations
from tests.fuzz.ledger import Ledger
from tests.fuzz.mutations import OPERATIONS, Edit
from tests.fuzz.targets import TARGETS
from tests.fuzz.watcher import Round, run_round

EXAMPLES = 20
SLOWEST = 10_000  # milliseconds
EDITS = st.lists(st.builds(Edit, st.sampled_from(sorted(OPERATIONS)), st.integers(0, 2**32 - 1)), max_size=4)
HURT = "tests.fuzz.hurt"  # a worker whose targets break on purpose


@pytest.fixture(autouse=True)
def quiet():
    """Decoders warn of damage, and FFmpeg writes it to the terminal."""
    av.logging.set_libav_level(av.logging.PANIC)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_inputs_raise_nothing_but_our_errors(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    seeds = target.seeds()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=SLOWEST,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(range(len(seeds))), EDITS, st.sampled_from(range(len(seeds))))
    def read(chosen: int, edits: list[Edit], donor: int) -> None:
        try:
            target.read(mutations.apply(seeds[chosen], edits, seeds[donor]), tmp_path)
        except ImpastoError as error:
            assert str(error)

    read()


@pytest.mark.parametrize("name", TARGETS)
def test_good_inputs_are_read(name: str, tmp_path: Path) -> None:
    """Where seeds are refused, mutations of them reach nothing."""
    read, refused = 0, []
    for data in TARGETS[name].seeds():
        try:
            TARGETS[name].read(data, tmp_path)
            read += 1
        except ImpastoError as error:
            refused.append(str(error))
    assert name in REFUSED or read > len(refused), refused


# what is hostile from the start: playlists, parts of a video in the wrong order, networks without weights
REFUSED = {"playlist", "segment", "published checkpoint", "backbone as pickle"}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_edits_change_what_they_are_given(operation: str) -> None:
    seeds = [
        seed for name in ("picture", "card", "checkpoint", "record") for seed in TARGETS[name].seeds()[:3]
    ]
    edits = [Edit(operation, seed) for seed in range(8)]
    changed = [mutations.apply(data, [edit], seeds[0]) != data for data in seeds for edit in edits]
    assert operation == "seal" or sum(changed) > 0.8 * len(changed)
    assert all(mutations.apply(b"", [edit], b"") is not None for edit in edits)


def test_edits_are_the_same_for_one_seed() -> None:
    data = TARGETS["card"].seeds()[0]
    edits = mutations.draw(random.Random(3))
    assert mutations.draw(random.Random(3)) == edits
    assert mutations.apply(data, edits, data) == mutations.apply(data, edits, data)


def test_a_sealed_png_has_right_checksums() -> None:
    png = next(data for data in TARGETS["picture"].seeds() if data.startswith(b"\x89PNG"))
    broken = png[:18] + b"\x01" + png[19:]
    assert mutations.sealed(png) == png
    assert mutations.sealed(broken) not in (png, broken)
    assert mutations.sealed(broken)[:29] == broken[:29]


@pytest.mark.parametrize(
    ("target", "kind", "told"),
    [
        ("error", "error", "ZeroDivisionError"),
        ("crash", "crash", "Segmentation fault"),
        ("hang", "hang", "in _wait"),
        ("slow", "slow", "s of processors for 3 bytes"),
        ("memory", "memory", "MB for one input"),
    ],
)
def test_the_watcher_finds(tmp_path: Path, target: str, kind: str, told: str) -> None:
    patience = 0.3 if kind == "hang" else 30
    limits = {"hang": patience, "memory": 100 << 20, "slow": 0.1 if kind == "slow" else 30}
    result = run_round(tmp_path, target, seconds=30, seed=1, module=HURT, **limits)
    assert result.new_faults == 1
    assert result.count > 0
    place = next((tmp_path / "faults" / target).glob(f"{kind}-*"))
    assert told in (place / "report.txt").read_text()
    assert next(place.glob("*.input")).read_bytes() == b"bad"


def test_the_watcher_finds_nothing_where_nothing_is(tmp_path: Path) -> None:
    result = run_round(tmp_path, "sound", seconds=0.5, seed=1, hang=5, module=HURT)
    assert result.new_faults == 0
    assert result.count > 1
    assert not (tmp_path / "faults").exists()


def test_counts_add_up(tmp_path: Path) -> None:
    Ledger.open(tmp_path, ["a", "b"]).add("a", Round(1_500_000, 0, 5 << 20, 60.0))
    ledger = Ledger.open(tmp_path, ["a", "b"])
    assert ledger.least_read(["a", "b"]) == "b"
    ledger.add("a", Round(500_000, 0, 2 << 20, 60.0))
    assert "2,000,000" in (tmp_path / "table.txt").read_text()
    assert Ledger.open(tmp_path, ["a"]).entries["a"].peak == 5 << 20
