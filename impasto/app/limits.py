"""Limits on what visitors of the app may ask for. All defaults are defined here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from impasto.options import check_range, check_whole


@dataclass(frozen=True)
class Limits:
    """Immutable and checked: a value that cannot mean anything raises UsageError.

    Attributes:
        upload_mb: megabytes of a file.
        megapixels: of a photo or style.
        painting_size: pixels of the long side of a painting.
        video_seconds: of a video that is made.
        training_minutes: of a training.
        training_photos: that a training learns from.
        job_minutes: of a painting or a video; what there is then is kept.
        jobs: paintings, videos and trainings that run at the same time; others wait.
        waiting: requests that may wait; more are turned away.
        keep_minutes: for which what a visitor made is kept once nothing more is asked for.
        results: pictures of a visitor that are kept, at most.
        visits: visitors at the same time; the one who has been idle for longest makes way for another.
        disk_gb: gigabytes of all files of all visitors; uploads are refused then, until old files have gone.
    """

    upload_mb: float = 200.0
    megapixels: float = 60.0
    painting_size: int = 1536
    video_seconds: float = 120.0
    training_minutes: float = 60.0
    training_photos: int = 1000
    job_minutes: float = 20.0
    jobs: int = 1
    waiting: int = 40
    keep_minutes: float = 120.0
    results: int = 24
    visits: int = 500
    disk_gb: float = 20.0

    def __post_init__(self) -> None:
        for name in (
            "upload_mb", "megapixels", "video_seconds", "training_minutes", "job_minutes", "keep_minutes",
            "disk_gb",
        ):  # fmt: skip
            check_range(name, getattr(self, name), 0.01, math.inf)
        check_whole("painting_size", self.painting_size, 64, 100_000)
        check_whole("training_photos", self.training_photos, 1, 10_000_000)
        check_whole("jobs", self.jobs, 1, 1000)
        check_whole("waiting", self.waiting, 1, 100_000)
        check_whole("results", self.results, 1, 1000)
        check_whole("visits", self.visits, 1, 100_000)

    @property
    def pixels(self) -> int:
        return int(self.megapixels * 1e6)
