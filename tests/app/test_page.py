"""The page under all limits that there may be, and the names that its server answers to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from impasto.app.hosts import HostNames
from impasto.app.limits import Limits

pytest.importorskip("gradio")

LEAST = {
    "painting_size": (64, 65, 127, 128, 129, 200, 1000),
    **dict.fromkeys(("training_photos", "batch_photos", "waiting", "results", "visits"), (1,)),
    **dict.fromkeys(("answers", "paintings", "videos", "batches", "trainings"), (1,)),
}
CASES = [(field.name, value) for field in fields(Limits) for value in LEAST.get(field.name, (0.01,))]
SLIDERS = """
import json, sys
from pathlib import Path
import gradio
from impasto.app.limits import Limits
from impasto.app.page.frame import build
from impasto.app.sessions import Sessions

def sliders(limits):
    blocks = build(Sessions(Path("visits"), limits), limits, [], []).blocks.values()
    found = [block for block in blocks if isinstance(block, gradio.Slider)]
    return [(one.label, one.minimum, one.value, one.maximum, one.step) for one in found]

print(json.dumps([sliders(Limits(**{name: value})) for name, value in json.loads(sys.argv[1])]))
"""


def test_controls_follow_the_limits(tmp_path: Path) -> None:
    """In a process of its own, as Gradio leaves things open."""
    words = [sys.executable, "-W", "ignore", "-c", SLIDERS, json.dumps(CASES)]
    there = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=tmp_path, env=there, timeout=200
    )
    assert done.returncode == 0, done.stderr
    for case, sliders in zip(CASES, json.loads(done.stdout), strict=True):
        for label, least, value, most, step in sliders:
            assert least <= value <= most, (case, label)
            steps = (most - least) / step
            assert steps == pytest.approx(round(steps)), (case, label, "its end is out of reach")
        sizes = [most for label, *_, most, _ in sliders if label.startswith("Size of a painting")]
        assert sizes == [Limits(**dict([case])).painting_size]  # type: ignore[arg-type]


def test_lost_sessions_are_forgotten() -> None:
    """Gradio keeps the messages of the last sessions, and the requests of all."""
    from impasto.app.page.guard import forget_lost_sessions

    requests = {"lost": {"a"}, "heard": {"b"}}
    queue = SimpleNamespace(
        pending_event_ids_session=requests, pending_messages_per_session={"heard": object()}
    )
    forget_lost_sessions(SimpleNamespace(_queue=queue))  # type: ignore[arg-type]
    assert requests == {"heard": {"b"}}


class SharedPage:
    """A page that is served at a public address, as far as `serve` sees it."""

    share_url = "https://abc.gradio.live"
    local_url = "http://127.0.0.1:7860/"
    fns: ClassVar[dict[int, Any]] = {}

    def queue(self, **_: Any) -> None:
        pass

    def launch(self, **options: Any) -> None:
        self.options = options


def test_a_public_address_is_answered_to() -> None:
    """It is known once the page is served."""
    from impasto.app.page.frame import serve

    page: Any = SharedPage()
    names = HostNames("127.0.0.1")
    assert not names.knows("abc.gradio.live")
    assert serve(page, Limits(), names, host="127.0.0.1", port=None, share=True) == page.share_url
    assert page.options["share"] is True
    assert names.knows("abc.gradio.live")
    assert names.is_own_page("https://abc.gradio.live", "abc.gradio.live")
    assert not names.knows("other.gradio.live")
