"""`impasto doctor`: what can be asked for."""

from __future__ import annotations

from typing import Annotated

import typer

from impasto.cli.error_handling import explained


@explained()
def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", metavar=" ", help="Print the report as JSON, for bug reports.")
    ] = False,
) -> None:
    """Check the installation: versions, devices, runtimes, caches, and a quick self-test."""
    from impasto.cli.doctor_run import run  # brings torch, which --help need not wait for

    raise typer.Exit(0 if run(as_json) else 1)
