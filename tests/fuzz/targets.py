"""All targets. Every module of them imports what it reads, so that this is imported where they are run."""

from __future__ import annotations

from tests.fuzz import of_clips, of_pictures, of_texts, of_weights
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (*of_pictures.TARGETS, *of_weights.TARGETS, *of_clips.TARGETS, *of_texts.TARGETS)
}
