"""Limits on requests of visitors. All defaults are defined here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from impasto.options import check_range, check_whole


@dataclass(frozen=True)
class Limits:
    """Limits on requests; an invalid value raises UsageError.

    Attributes:
        upload_mb: largest file, in megabytes.
        megapixels: largest photo, style picture or video frame.
        decoding_seconds: longest time to decode a picture or to open a clip, in seconds of processor time.
        painting_size: largest long side of a painting, in pixels.
        video_seconds: longest video to make.
        training_minutes: longest training.
        training_photos: most photos of a training.
        batch_photos: most photos to stylize in one batch.
        job_minutes: longest painting, video or batch job; its result so far is kept.
        answers: quick answers, previews and downloads that are made at the same time; others wait.
        paintings, videos, batches, trainings: jobs of each kind that run at the same time; others wait.
        waiting: requests that may wait; further ones are refused.
        keep_minutes: time after a visitor's last request until their files are deleted.
        results: most pictures kept for a visitor.
        visits: visitors at the same time; a new one replaces the one idle for longest.
        disk_gb: space for the files of all visitors, in gigabytes; beyond it, uploads are refused.
    """

    upload_mb: float = 200.0
    megapixels: float = 60.0
    decoding_seconds: float = 10.0
    painting_size: int = 1536
    video_seconds: float = 120.0
    training_minutes: float = 60.0
    training_photos: int = 1000
    batch_photos: int = 500
    job_minutes: float = 20.0
    answers: int = 2
    paintings: int = 1
    videos: int = 1
    batches: int = 1
    trainings: int = 1
    waiting: int = 40
    keep_minutes: float = 120.0
    results: int = 24
    visits: int = 500
    disk_gb: float = 20.0

    def __post_init__(self) -> None:
        for name in (
            "upload_mb", "megapixels", "decoding_seconds", "video_seconds", "training_minutes",
            "job_minutes", "keep_minutes", "disk_gb",
        ):  # fmt: skip
            check_range(name, getattr(self, name), 0.01, math.inf)
        check_whole("painting_size", self.painting_size, 64, 100_000)
        for name in ("training_photos", "batch_photos"):
            check_whole(name, getattr(self, name), 1, 10_000_000)
        for name in ("answers", "paintings", "videos", "batches", "trainings"):
            check_whole(name, getattr(self, name), 1, 1000)
        check_whole("waiting", self.waiting, 1, 100_000)
        check_whole("results", self.results, 1, 1000)
        check_whole("visits", self.visits, 1, 100_000)

    @property
    def pixels(self) -> int:
        return int(self.megapixels * 1e6)
