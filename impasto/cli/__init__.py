"""The command `impasto`. This package alone prints, parses arguments and sets exit codes."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from impasto.cli.adapt import adapt
from impasto.cli.display import say
from impasto.cli.doctor import doctor
from impasto.cli.encode import encode
from impasto.cli.error_handling import INTERRUPTED, announced, interruptible
from impasto.cli.evaluate import evaluate
from impasto.cli.export import export
from impasto.cli.flags import ListCommand, with_current_flags
from impasto.cli.grade import grade
from impasto.cli.import_ import import_
from impasto.cli.paint import paint
from impasto.cli.prime import prime
from impasto.cli.sheet import sheet
from impasto.cli.styles import list_styles
from impasto.cli.stylize import stylize
from impasto.cli.texture import texture
from impasto.cli.train import train
from impasto.cli.video import video
from impasto.cli.watch import watch
from impasto.cli.web import web
from impasto.cli.webcam import KEYS_IN_WORDS, webcam


class _Commands(TyperGroup):
    """The root. Its help says nothing of the values of switches, which have none, as newer Typers would."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with announced():
            return super().parse_args(ctx, list(with_current_flags(args)))

    def invoke(self, ctx: Any) -> Any:
        with announced():
            return super().invoke(ctx)

    def get_params(self, ctx: Any) -> list[Any]:
        params: list[Any] = [*super().get_params(ctx)]
        for switch in params:
            switch.metavar = " "
            switch.hidden = switch.hidden or switch.name == "show_completion"
        return params

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command and (switch := command.get_help_option(ctx)):
            switch.metavar = " "
        return command


app = typer.Typer(
    name="impasto",
    cls=_Commands,
    help="Neural style transfer: any photo, any style, in seconds on a CPU.",
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(paint)
app.command()(stylize)
app.command()(texture)
app.command()(grade)
app.command()(video)
app.command(epilog=f"Keys in the window: {KEYS_IN_WORDS}.")(webcam)
app.command()(watch)
app.command("app")(web)
app.command("styles")(list_styles)
app.command(cls=ListCommand)(sheet)
app.command(cls=ListCommand)(evaluate)
app.command()(train)
app.command()(prime)
app.command()(encode)
app.command()(adapt)
app.command()(export)
app.command("import")(import_)
app.command()(doctor)

# distill has its own --help, and what stands there comes with torch: it is imported when it is called
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(add_help_option=False, context_settings=_PASSED_ON)
def distill(context: typer.Context) -> None:
    """Train the compact backbone to imitate the features of VGG-19."""
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
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may know ASCII only, and a card's title more
    try:
        with interruptible():
            app(prog_name="impasto")
    except KeyboardInterrupt:  # while a command was ending
        say("stopped")
        sys.exit(INTERRUPTED)
