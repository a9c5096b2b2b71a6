"""A process that reads hostile inputs of one target, until its time is over or one of them kills it.

    python -m tests.fuzz.worker TARGET --slate FILE --folder DIR --seconds 60 --seed 1 [--guided]

It runs under a limit of memory. Where Atheris is installed, `--guided` lets coverage of Python code, Pillow's
included, choose among inputs; edits are ours in either case.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import os
import random
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz import finds
from tests.fuzz.mutations import apply, draw
from tests.fuzz.slate import Slate

MEMORY = 1 << 30  # bytes by which a process may grow for one input
_CEILING = 6 << 30  # bytes of address space beyond what libraries take: so that no input stops the machine
_INSTRUMENTED = ("impasto", "PIL", "safetensors", "tarfile", "zipfile", "json", "csv")
SLOW = 5.0  # seconds of processors that an input below `_SMALL` bytes may take
_SMALL = 1 << 20
_TOO_MUCH = 3
_LOOKS = 500  # inputs between looks at the memory that is in use


class Reading:
    """Reads inputs of a target, and keeps those that break it.

    Args:
        target: a `Target`.
        slate: where the input at work is written down; its files lie beside.
        folder: for faults.
        memory: bytes by which the process may grow for one input.
        slow: seconds of processors that a small input may take.
    """

    def __init__(self, target: Any, slate: Slate, folder: Path, memory: int, slow: float = SLOW) -> None:
        self._target, self._slate, self._folder = target, slate, folder
        self._memory, self._slow = memory, slow
        self._room = slate.path.with_name("room")
        self._room.mkdir()
        self._count, self._resident, self._first = 0, _resident(), _resident()
        self._peak = _quick_peak if _quick_peak() == _peak() else _peak

    def __call__(self, data: bytes) -> None:
        from impasto.errors import ImpastoError

        self._slate.begin(data)
        started = time.process_time()
        try:
            self._target.read(data, self._room)
        except ImpastoError:
            pass
        except BaseException as error:
            self._keep("error", finds.fault_of(error), data, traceback.format_exc())
            if isinstance(error, KeyboardInterrupt):
                raise
        spent = time.process_time() - started
        if spent > self._slow and len(data) < _SMALL:
            self._keep(
                "slow", self._target.name, data, f"{spent:.1f} s of processors for {len(data):,} bytes"
            )
        peak = self._peak()
        self._slate.end(max(0, peak - self._first))
        self._watch(peak, data)

    def _watch(self, peak: int, data: bytes) -> None:
        self._count += 1
        if peak - self._resident > self._memory:
            grown = f"the process grew by {(peak - self._resident) >> 20} MB for one input"
            self._keep("memory", self._target.name, data, grown)
            os._exit(_TOO_MUCH)  # its peak would hide all that come after
        if self._count % _LOOKS == 0:
            self._resident = max(self._resident, _resident())

    def _keep(self, kind: str, fault: str, data: bytes, report: str) -> None:
        finds.keep(self._folder / "faults", self._target.name, kind, fault, data, report)


def _peak() -> int:
    """The most memory so far. The quick answer counts what the parent took when it started this process."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def _quick_peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def run_plain(reading: Callable[[bytes], None], seeds: list[bytes], seconds: float, seed: int) -> None:
    """Inputs by chance alone."""
    dice, end = random.Random(seed), time.monotonic() + seconds
    while time.monotonic() < end:
        reading(apply(dice.choice(seeds), draw(dice), dice.choice(seeds)))


def run_guided(
    atheris: Any,
    reading: Callable[[bytes], None],
    seeds: list[bytes],
    seconds: float,
    seed: int,
    corpus: Path,
) -> None:
    """Inputs that reach new code are kept, and changed further. Ends the process."""
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(data)

    def mutate(data: bytes, most: int, number: int) -> bytes:
        dice = random.Random(number)
        if dice.random() < 0.2:
            return bytes(atheris.Mutate(data, most))
        return apply(data, draw(dice), dice.choice(seeds))[:most]

    options = {
        "max_total_time": max(1, round(seconds)),
        "seed": seed % (1 << 31) or 1,
        "max_len": 1 << 18,
        "len_control": 0,
        "timeout": 86_400,  # the watcher has a clock, and the limits of memory; 0 would be a second here
        "rss_limit_mb": 0,
        "print_final_stats": 0,
        "verbosity": 0,
        "artifact_prefix": f"{corpus.parent}/",
        **dict.fromkeys(("handle_segv", "handle_abrt", "handle_bus", "handle_fpe", "handle_ill"), 0),
    }
    arguments = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], reading, custom_mutator=mutate)
    atheris.Fuzz()


def _limit_memory() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _CEILING, used + _CEILING))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _load(guided: bool) -> tuple[Any, dict[str, Any]]:
    """Atheris, if it is asked for, and the targets, with every library that they use."""
    os.environ.update(OMP_NUM_THREADS="1", VIPS_CONCURRENCY="1")
    import torch  # before the instrumentation, which would take minutes for it

    torch.set_num_threads(1)
    atheris: Any = None
    if guided:
        with contextlib.suppress(ImportError):
            import atheris
    if atheris is None:
        from tests.fuzz.targets import TARGETS
    else:
        with atheris.instrument_imports(include=list(_INSTRUMENTED), enable_loader_override=False):
            from tests.fuzz.targets import TARGETS
    import av

    av.logging.set_libav_level(av.logging.PANIC)
    return atheris, TARGETS


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--slate", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--memory", type=int, default=MEMORY)
    parser.add_argument("--slow", type=float, default=SLOW)
    parser.add_argument("--guided", action="store_true")
    asked = parser.parse_args()
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    warnings.simplefilter("ignore")
    atheris, targets = _load(asked.guided)
    target = targets[asked.target]
    seeds = list(target.seeds())
    reading = Reading(target, Slate(asked.slate), asked.folder, asked.memory, asked.slow)
    _limit_memory()
    if atheris:
        corpus = asked.folder / "corpus" / target.name.replace(" ", "-")
        run_guided(atheris, reading, seeds, asked.seconds, asked.seed, corpus)
    else:
        run_plain(reading, seeds, asked.seconds, asked.seed)


if __name__ == "__main__":
    main()
