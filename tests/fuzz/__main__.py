"""Fuzzing for as long as there is time: `python -m tests.fuzz --minutes 60`.

Every target gets rounds in turn, each in a process of its own with limits of time and memory. Counts add up
in `out/fuzz/counts.json` over all runs; inputs that broke something lie in `out/fuzz/faults`, with a report.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event

from tests.fuzz.ledger import Ledger
from tests.fuzz.watcher import Round, run_round

_LIST = "from tests.fuzz.targets import TARGETS; print('\\n'.join(TARGETS))"


def _targets(chosen: list[str]) -> list[str]:
    """Names, asked of another process: what targets import is not for one that lives long."""
    said = subprocess.run([sys.executable, "-c", _LIST], capture_output=True, text=True, check=True).stdout
    known = said.split("\n")[:-1]
    if unknown := set(chosen) - set(known):
        raise SystemExit(f"there is no target {', '.join(sorted(unknown))}: choose among {', '.join(known)}")
    return chosen or known


def _fuzz(asked: argparse.Namespace, ledger: Ledger, targets: list[str]) -> None:
    """Rounds until the time is over, as many at once as there are jobs. What is interrupted counts, too."""
    end, dice, stop = time.monotonic() + 60 * asked.minutes, random.SystemRandom(), Event()
    running: dict[Future[Round], str] = {}
    with ThreadPoolExecutor(asked.jobs) as pool:
        try:
            while running or time.monotonic() < end:
                while len(running) < asked.jobs and time.monotonic() < end:
                    free = [name for name in targets if name not in running.values()]
                    if not free:
                        break
                    name = ledger.least_read(free)
                    running[_start(pool, asked, name, dice.getrandbits(31), stop)] = name
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for one in done:
                    _count(ledger, running.pop(one), one.result())
        finally:
            stop.set()
            for one, name in running.items():
                _count(ledger, name, one.result())


def _count(ledger: Ledger, name: str, result: Round) -> None:
    ledger.add(name, result)
    print(f"{name}: {result.count:,} inputs, {result.new_faults} new faults", flush=True)


def _replay(asked: argparse.Namespace) -> None:
    """Read one input in this process, and end it."""
    if len(asked.target) != 1:
        raise SystemExit("--replay needs one --target, whose input it is")
    _targets(asked.target)
    from impasto.errors import ImpastoError
    from tests.fuzz.targets import TARGETS

    with tempfile.TemporaryDirectory() as folder:
        try:
            TARGETS[asked.target[0]].read(asked.replay.read_bytes(), Path(folder))
        except ImpastoError as error:
            print(f"refused: {error}")
        else:
            print("read")
    raise SystemExit(0)


def _start(
    pool: ThreadPoolExecutor, asked: argparse.Namespace, name: str, seed: int, stop: Event
) -> Future[Round]:
    return pool.submit(
        run_round,
        asked.folder,
        name,
        seconds=asked.round,
        seed=seed,
        guided=asked.guided,
        hang=asked.hang,
        memory=asked.memory << 20,
        slow=asked.slow,
        stop=stop,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Feed readers hostile inputs.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--folder", type=Path, default=Path("out/fuzz"), help="counts, faults, corpus")
    parser.add_argument("--target", action="append", default=[], help="this one only; may be repeated")
    parser.add_argument("--round", type=float, default=90, help="seconds of a process")
    parser.add_argument("--hang", type=float, default=10, help="seconds of work that an input may take")
    parser.add_argument("--memory", type=int, default=1024, help="MB that an input may take")
    parser.add_argument("--slow", type=float, default=5, help="seconds of work that a small one may take")
    parser.add_argument("--unguided", dest="guided", action="store_false", help="without Atheris")
    parser.add_argument("--replay", type=Path, help="read this input of a --target, and show what happens")
    asked = parser.parse_args()
    if asked.replay:
        _replay(asked)
    if asked.guided and importlib.util.find_spec("atheris") is None:
        print(
            "Atheris is not installed (pip install 'impasto[fuzz]'): inputs are chosen by chance", flush=True
        )
    asked.folder.mkdir(parents=True, exist_ok=True)
    targets = _targets(asked.target)
    ledger = Ledger.open(asked.folder, targets)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _fuzz(asked, ledger, targets)
    except KeyboardInterrupt:
        print("stopped; the same command goes on", flush=True)
    print(ledger.table())
    raise SystemExit(1 if any((asked.folder / "faults").glob("*/*")) else 0)


if __name__ == "__main__":
    main()
