"""kill -9 at random moments: the short form of `python -m tests.faults`, two kills for each job."""

import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from tests.faults import checks
from tests.faults.conftest import BY_NAME, Undisturbed
from tests.faults.jobs import JOBS, Job
from tests.faults.killing import live
from tests.faults.workplace import Nursery, prepare

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_killed_job_goes_on_to_the_same_results(
    job: Job, nursery: Nursery, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    seed, (whole, end), kills = time.time_ns(), undisturbed(job), 0
    for number in range(10):
        life = live(job, nursery, tmp_path / str(number), whole, end.seconds, Random(f"{seed}/{number}"))
        assert life.wrong == [], f"seed {seed}, killed at {life.moments} of {end.seconds:.1f} s"
        kills += life.kills
        if kills >= 2:
            return
    pytest.fail(f"killed {kills} times only in ten lives: the job is over before the moments chosen")


def test_a_forked_command_does_what_a_new_interpreter_does(undisturbed: Undisturbed, tmp_path: Path) -> None:
    job = BY_NAME["stylize"]
    folder = prepare(job, tmp_path / "new")
    command = [sys.executable, "-m", "impasto", *job.begin]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120, env=environment)
    assert checks.compare(job, folder, undisturbed(job)[0]) == []


def test_the_checks_see_what_is_wrong(undisturbed: Undisturbed, tmp_path: Path) -> None:
    job = BY_NAME["video"]
    whole, _ = undisturbed(job)
    (tmp_path / "out").mkdir()
    film = (whole / "out/painted.mp4").read_bytes()
    (tmp_path / "out/painted.mp4").write_bytes(film[: len(film) // 2])
    (tmp_path / "out/.impasto-012345abcdef.mp4").write_bytes(b"")
    picture = tmp_path / "out/picture.jpg"
    Image.new("RGB", (99, 99), "red").save(picture)
    picture.write_bytes(picture.read_bytes()[:-9])
    assert sorted(line.partition(":")[0] for line in checks.broken(tmp_path)) == [
        "out/painted.mp4",
        "out/picture.jpg",
    ]
    found = checks.compare(job, tmp_path, whole)
    assert ".impasto-012345abcdef.mp4 was left behind" in found
    assert "picture.jpg was left behind" in found
    assert any(line.startswith("painted.mp4") for line in found)
    assert checks.compare(job, whole, whole) == []
