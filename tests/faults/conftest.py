"""A nursery and undisturbed results that all tests of faults share: both take seconds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import workplace
from tests.faults.jobs import JOBS, Job
from tests.faults.workplace import End, Nursery, run_undisturbed

Undisturbed = Callable[[Job], tuple[Path, End]]

BY_NAME = {job.name: job for job in JOBS}


def names(*quick: str) -> list[Any]:
    """Of all jobs, for tests with each; but with these alone, the tests count as slow."""
    return [pytest.param(name, marks=[] if name in quick else pytest.mark.slow) for name in BY_NAME]


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with workplace.nursery() as started:
        yield started


@pytest.fixture(scope="session")
def undisturbed(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The folder of a job that nothing happened to, and how it ended; made once for each job."""
    made: dict[str, tuple[Path, End]] = {}

    def of(job: Job) -> tuple[Path, End]:
        if job.name not in made:
            folder = tmp_path_factory.mktemp("undisturbed") / "room"
            made[job.name] = folder, run_undisturbed(job, nursery, folder)
        return made[job.name]

    return of
