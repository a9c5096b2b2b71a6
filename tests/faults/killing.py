"""`kill -9` at random moments, again and again, until a job comes to its end in spite of it."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.faults import checks
from tests.faults.jobs import Job
from tests.faults.workplace import Nursery, prepare, survivors

_MOST_KILLS = 3  # of one run of the job
_MOST_RUNS = 20  # of one that never comes to its end


@dataclass
class Life:
    """One job from its beginning to its end: how often it was killed, and what was wrong with the results."""

    kills: int = 0
    moments: list[float] = field(default_factory=list)
    escapes: int = 0  # runs that were over before the moment chosen
    wrong: list[str] = field(default_factory=list)


def live(job: Job, nursery: Nursery, folder: Path, undisturbed: Path, seconds: float, chance: Random) -> Life:
    """Begin the job in a new folder, kill it up to three times, go on each time, and look at what is there.

    Args:
        undisturbed: the folder of a run that nobody killed.
        seconds: that such a run takes; the moments are spread evenly over these.
    """
    prepare(job, folder)
    life, planned, pids = Life(), chance.randint(1, _MOST_KILLS), list[int]()
    words: tuple[str, ...] | None = job.begin
    while words is not None:
        if len(pids) == _MOST_RUNS:
            life.wrong.append(f"is not done after {_MOST_RUNS} runs")
            break
        moment = chance.uniform(0, seconds) if life.kills < planned else None
        signals = [] if moment is None else [(moment, signal.SIGKILL)]
        end = nursery.run(folder, words, signals=signals, first=job.first)
        pids.append(end.pid)
        life.wrong += checks.broken(folder)
        if end.was_killed:
            assert moment is not None
            life.kills += 1
            life.moments.append(round(moment, 3))
        else:
            life.escapes += moment is not None
            if end.code != 0:
                life.wrong.append(f"ended with {end.code}: {end.said[-500:]}")
            break
        words = job.go_on(folder, job.begin)
    life.wrong += checks.compare(job, folder, undisturbed)
    life.wrong += [f"process {pid} lives on" for pid in survivors(pids)]
    return life
