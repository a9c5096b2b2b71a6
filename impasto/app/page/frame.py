"""Build and serve the page: its tabs and its theme."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import gradio as gr
from starlette.middleware import Middleware

from impasto.app.choices import StyleOption
from impasto.app.hosts import HostNames
from impasto.app.limits import Limits
from impasto.app.page.batch import BatchTab
from impasto.app.page.guard import guard
from impasto.app.page.middleware import NoAddresses, OwnPages, SmallRequests, UploadQuota, VisitCookie
from impasto.app.page.photo import PhotoTab
from impasto.app.page.training import TrainTab
from impasto.app.page.video import add_video_tab
from impasto.app.sessions import Sessions

_TITLE = "impasto: your photo, painted"
_HEAD = '<meta name="description" content="Neural style transfer: any photo, any style, on this machine.">'
_WELCOME = "# impasto\nTurn photos and videos into paintings, in the style of any picture."
_CSS, _SCRIPT = (Path(__file__).with_name(name) for name in ("page.css", "page.js"))
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_MONO = ("ui-monospace", "Consolas", "monospace")
_VISIT = """async () => { await fetch("visit", { method: "POST" }).catch(() => null); return []; }"""
_AT_ONCE = 8  # requests without a queue of their own that run at the same time
_OTHERS = 16  # threads besides those of requests that wait or follow a job


def build(
    visits: Sessions, limits: Limits, choices: Sequence[StyleOption], examples: Sequence[Path]
) -> gr.Blocks:
    """Build the page."""
    keep = max(1, round(60 * limits.keep_minutes))
    page = gr.Blocks(title=_TITLE, analytics_enabled=False, delete_cache=(max(1, keep // 4), keep))
    with page:
        gr.Markdown(_WELCOME, elem_classes="welcome")
        with gr.Tab("Photo"):
            photo = PhotoTab(visits, limits, choices, examples)
        loaded = page.load(None, None, None, js=_VISIT)
        with gr.Tab("Batch") as many:
            batch = BatchTab(visits, limits, choices, photo.controls, many)
        video = add_video_tab(visits, limits, choices, photo.controls)
        with gr.Tab("Train") as tab:
            training = TrainTab(visits, limits)
        photo.connect(loaded, training.use)
        batch.connect(loaded)
        if video:
            video.connect(loaded)
        training.connect(tab, loaded, photo.controls)

        def leave(request: gr.Request) -> None:
            if request.session_hash:
                visits.leave(request.session_hash)

        leave.__annotations__ = {"request": gr.Request}
        page.unload(leave)
    guard(page)
    return page


def serve(
    page: gr.Blocks,
    limits: Limits,
    names: HostNames,
    *,
    host: str,
    port: int | None,
    share: bool,
) -> str:
    """Serve the page in the background; return its address. Raises OSError if the port is taken.

    A public address is added to the allowed names.
    """
    page.queue(max_size=limits.waiting, default_concurrency_limit=_AT_ONCE, api_open=False)
    page.launch(
        server_name=host,
        server_port=port,
        share=share,
        quiet=True,
        prevent_thread_lock=True,
        max_threads=2 * limits.waiting + _OTHERS,
        max_file_size=int(1e6 * limits.upload_mb),
        state_session_capacity=limits.visits,
        ssr_mode=False,
        footer_links=["api"],
        run_history=False,
        enable_monitoring=False,
        app_kwargs={
            "middleware": [
                Middleware(OwnPages, names=names),
                Middleware(NoAddresses),
                Middleware(VisitCookie, seconds=round(60 * limits.keep_minutes)),
                Middleware(UploadQuota, most=int(1e9 * limits.disk_gb)),
                Middleware(
                    SmallRequests, scripts=[number for number, event in page.fns.items() if not event.fn]
                ),
            ]
        },
        theme=_theme(),
        css_paths=[_CSS],
        js=_SCRIPT.read_text(encoding="utf-8"),
        head=_HEAD,
    )
    public = cast("str | None", page.share_url)
    if public and (name := urlsplit(public).hostname):
        names.add(name)
    return str(public or page.local_url)


def _theme() -> gr.themes.Base:
    """Return a plain theme with system fonts, so that the pictures stand out."""
    theme: gr.themes.Base = gr.themes.Soft(
        primary_hue="orange", neutral_hue="stone", font=list(_FONTS), font_mono=list(_MONO)
    )
    for mode in ("", "_dark"):
        quiet = {
            f"button_primary_background_fill{mode}": "*primary_700",
            f"button_primary_background_fill_hover{mode}": "*primary_800",
            f"button_primary_text_color{mode}": "white",
            f"block_title_background_fill{mode}": "none",
            f"block_title_text_color{mode}": "*body_text_color",
            f"block_label_background_fill{mode}": "*background_fill_primary",
            f"block_label_text_color{mode}": "*body_text_color",
        }
        theme = theme.set(**quiet)
    return theme.set(
        block_title_padding="0",
        color_accent="*primary_700",
        body_background_fill="*neutral_100",
        block_border_width="1px",
        block_border_color="*neutral_300",
        block_shadow="none",
        input_border_width="1px",
        input_border_color="*neutral_400",
        checkbox_border_color="*neutral_500",
        button_border_width="1px",
        button_primary_border_color="*primary_700",
        button_secondary_border_color="*neutral_400",
    )
