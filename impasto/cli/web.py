"""`impasto app`: the web app, from the command line."""

from __future__ import annotations

import webbrowser
from typing import Annotated, Any

import typer

from impasto.app.limits import Limits
from impasto.cli.display import say
from impasto.cli.error_handling import explained
from impasto.cli.flags import Flag, HelpAll, with_flags

_PANEL = "Limits for visitors"
FLAGS = {
    "upload_mb": Flag("Largest file to upload, in megabytes", panel=_PANEL),
    "megapixels": Flag("Largest photo or style picture, in megapixels", panel=_PANEL),
    "decoding_seconds": Flag("Longest decoding of a file, in seconds of processor time", panel=_PANEL),
    "painting_size": Flag("Largest long side of a painting, in pixels", "PIXELS", panel=_PANEL),
    "video_seconds": Flag("Longest video to make, in seconds", panel=_PANEL),
    "training_minutes": Flag("Longest training, in minutes", panel=_PANEL),
    "training_photos": Flag("Most photos of a training", panel=_PANEL),
    "batch_photos": Flag("Most photos to stylize in one batch", panel=_PANEL),
    "job_minutes": Flag("Longest painting, video or batch, in minutes; what is made is kept", panel=_PANEL),
    "answers": Flag("Quick answers made at the same time", panel=_PANEL),
    "paintings": Flag("Paintings that run at the same time", panel=_PANEL),
    "videos": Flag("Videos that are made at the same time", panel=_PANEL),
    "batches": Flag("Batches of photos that are made at the same time", panel=_PANEL),
    "trainings": Flag("Trainings that run at the same time", panel=_PANEL),
    "waiting": Flag("Requests that may wait", panel=_PANEL),
    "keep_minutes": Flag("Minutes until an idle visitor's pictures are deleted", panel=_PANEL),
    "results": Flag("Pictures that are kept for a visitor", panel=_PANEL),
    "visits": Flag("Visitors at the same time; a new one replaces the one idle for longest", panel=_PANEL),
    "disk_gb": Flag("Disk space of all visitors' files, in gigabytes", panel=_PANEL),
}


@explained()
@with_flags(Limits, FLAGS)
def web(
    *,
    port: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="Port to listen on [dim](7860, or the next free one)[/dim]"),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on; 0.0.0.0 admits other machines.")
    ] = "127.0.0.1",
    browse: Annotated[
        bool, typer.Option("--browse/--no-browse", metavar=" ", help="Open the page in a browser.")
    ] = True,
    share: Annotated[
        bool,
        typer.Option("--share", metavar=" ", help="Get a public address, through a server of Gradio."),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Also accept this host name, e.g. of a proxy; repeatable."),
    ] = None,
    given: dict[str, Any],
    help_all: HelpAll = False,
) -> None:
    """Start the web app: upload a photo, choose a style, watch the painting."""
    from impasto.app import launch

    def ready(address: str) -> None:
        say(f"the app is at {address}; Ctrl-C stops it")
        if browse:
            webbrowser.open(address)

    try:
        limits, names = Limits(**given), allow_host or ()
        launch(limits, host=host, port=port, share=share, allow_hosts=names, ready=ready)
    except KeyboardInterrupt:
        say("the app has stopped")
