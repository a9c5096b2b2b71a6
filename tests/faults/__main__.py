"""`python -m tests.faults --rounds 200`: kill each job at random moments, count, and tell what went wrong.

It goes on from the counts of its last run; each round is one `kill -9`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.jobs import JOBS, Job
from tests.faults.killing import live
from tests.faults.workplace import Nursery, nursery, run_undisturbed


def main() -> int:
    options = _parse()
    state_file, room = options.folder / "counts.json", options.folder / "rooms"
    options.folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, Any] = json.loads(state_file.read_text()) if state_file.exists() else {}
    jobs = [job for job in JOBS if not options.job or job.name in options.job]
    with nursery() as started:
        for place, job in enumerate(jobs):
            rounds = options.rounds // len(jobs) + (place < options.rounds % len(jobs))
            _work(job, started, rounds, options.seed, room, counts, state_file)
    _report(counts)
    return 1 if any(each["wrong"] for each in counts.values()) else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="kills, over all jobs (200)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (1)")
    parser.add_argument("--job", action="append", choices=[job.name for job in JOBS], help="only this one")
    parser.add_argument(
        "--folder", type=Path, default=Path("out/faults"), help="counts, and rooms where something went wrong"
    )
    return parser.parse_args()


def _work(
    job: Job, started: Nursery, rounds: int, seed: int, room: Path, counts: dict[str, Any], state_file: Path
) -> None:
    """Until the job was killed so often."""
    count = counts.setdefault(job.name, {"kills": 0, "runs": 0, "escapes": 0, "wrong": {}})
    if count["kills"] >= rounds:
        return
    undisturbed = room.resolve() / job.name / "undisturbed"
    shutil.rmtree(undisturbed, ignore_errors=True)
    end = run_undisturbed(job, started, undisturbed)
    while count["kills"] < rounds:
        count["runs"] += 1
        number = count["runs"]
        folder = room.resolve() / job.name / f"{number:04}"
        shutil.rmtree(folder, ignore_errors=True)
        chance = Random(f"{seed}/{job.name}/{number}")
        life = live(job, started, folder, undisturbed, end.seconds, chance)
        count["kills"] += life.kills
        count["escapes"] += life.escapes
        if life.wrong:
            count["wrong"][str(number)] = life.wrong
            print(f"{job.name} {number}, killed at {life.moments}: {life.wrong}", flush=True)
        else:
            shutil.rmtree(folder)
        draft = state_file.with_suffix(".new")
        draft.write_text(json.dumps(counts, indent=1))
        draft.replace(state_file)


def _report(counts: dict[str, Any]) -> None:
    print(f"{'job':20} {'kills':>6} {'runs':>6} {'over before':>12} {'wrong':>6}")
    for name, count in counts.items():
        print(f"{name:20} {count['kills']:6} {count['runs']:6} {count['escapes']:12} {len(count['wrong']):6}")


if __name__ == "__main__":
    sys.exit(main())
