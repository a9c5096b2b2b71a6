"""The web app for anybody, as a Space: small limits, and no address but the one that the host gives."""

import os

from impasto.app import Limits, launch

LIMITS = Limits(
    upload_mb=25,
    megapixels=24,
    painting_size=768,
    video_seconds=15,
    training_minutes=10,
    training_photos=200,
    job_minutes=5,
    waiting=20,
    keep_minutes=30,
    results=12,
)

if __name__ == "__main__":
    names = filter(None, [os.environ.get("SPACE_HOST")])  # the Space's own, as the host tells it
    launch(LIMITS, host="0.0.0.0", port=int(os.environ.get("PORT", "7860")), allow_hosts=names, ready=print)
