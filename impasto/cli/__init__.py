"""The command `impasto`. This package alone prints, parses arguments and sets exit codes."""

from __future__ import annotations

from typing import Annotated

import typer

from impasto.cli.adapt import adapt
from impasto.cli.encode import encode
from impasto.cli.lists import ListCommand
from impasto.cli.paint import paint
from impasto.cli.prime import prime
from impasto.cli.sheet import sheet
from impasto.cli.styles import styles
from impasto.cli.stylize import stylize
from impasto.cli.texture import texture
from impasto.cli.train import train
from impasto.cli.video import video
from impasto.cli.webcam import KEYS_IN_WORDS, webcam

app = typer.Typer(
    name="impasto",
    help="Neural style transfer: any photo, any style, in seconds on a CPU.",
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(paint)
app.command()(stylize)
app.command()(texture)
app.command()(video)
app.command(epilog=f"Keys in the window: {KEYS_IN_WORDS}.")(webcam)
app.command()(styles)
app.command(cls=ListCommand)(sheet)
app.command()(train)
app.command()(prime)
app.command()(encode)
app.command()(adapt)

# distill has its own --help, and what stands there comes with torch: it is imported when it is called
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(add_help_option=False, context_settings=_PASSED_ON)
def distill(context: typer.Context) -> None:
    """Teach the compact backbone to see as VGG-19 does."""
    from impasto.cli.distill import app as command

    command(context.args, prog_name=context.command_path)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"impasto {version('impasto')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, metavar=" ", help="Show the version."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """The entry point."""
    app(prog_name="impasto")
