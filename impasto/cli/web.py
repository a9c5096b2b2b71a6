"""`impasto app`: the web app, from the command line."""

from __future__ import annotations

import webbrowser
from typing import Annotated, Any

import typer

from impasto.app.limits import Limits
from impasto.cli.display import say
from impasto.cli.error_handling import explained
from impasto.cli.flags import Flag, HelpAll, with_flags

_PANEL = "What visitors may ask for"
FLAGS = {
    "upload_mb": Flag("Megabytes of a file", panel=_PANEL),
    "megapixels": Flag("Of a photo or style", panel=_PANEL),
    "painting_size": Flag("Long side of a painting in pixels", "PIXELS", panel=_PANEL),
    "video_seconds": Flag("Of a video that is made", panel=_PANEL),
    "training_minutes": Flag("Of a training", panel=_PANEL),
    "training_photos": Flag("That a training learns from", panel=_PANEL),
    "job_minutes": Flag("Of a painting or a video; what there is then is kept", panel=_PANEL),
    "jobs": Flag("Paintings, videos and trainings at the same time", panel=_PANEL),
    "waiting": Flag("Requests that may wait", panel=_PANEL),
    "keep_minutes": Flag("How long pictures of a visitor who is idle are kept", panel=_PANEL),
    "results": Flag("Pictures of a visitor that are kept", panel=_PANEL),
    "visits": Flag("Visitors at the same time; who was idle for longest makes way", panel=_PANEL),
    "disk_gb": Flag("Gigabytes of all visitors' files", panel=_PANEL),
}


@explained()
@with_flags(Limits, FLAGS)
def web(
    *,
    port: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="Where to listen [dim](7860, or the next that is free)[/dim]"),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    browse: Annotated[
        bool, typer.Option("--browse/--no-browse", metavar=" ", help="Show the page in a browser.")
    ] = True,
    share: Annotated[
        bool,
        typer.Option("--share", metavar=" ", help="Get a public address, by a server of Gradio's makers."),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Answer to this host name, too, such as that of a proxy; repeat for more."
        ),
    ] = None,
    given: dict[str, Any],
    help_all: HelpAll = False,
) -> None:
    """Open the web app: drop a photo, choose a style, watch it being painted."""
    from impasto.app import launch

    def ready(address: str) -> None:
        say(f"the app is at {address}; Ctrl-C ends it")
        if browse:
            webbrowser.open(address)

    try:
        limits, names = Limits(**given), allow_host or ()
        launch(limits, host=host, port=port, share=share, allow_hosts=names, ready=ready)
    except KeyboardInterrupt:
        say("the app has ended")
