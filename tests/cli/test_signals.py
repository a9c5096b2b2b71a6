"""Signals that ask a command to stop."""

import os
import signal
import sys
from collections.abc import Iterator

import pytest
from typer.core import TyperCommand

from impasto.cli import app, main
from impasto.cli.error_handling import interruptible, stopping

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGHUP")
ASKING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ASKING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ASKING)
def test_the_first_signal_asks(number: signal.Signals) -> None:
    signal.signal(number, signal.default_int_handler)
    with stopping() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        assert stop.is_set()
        assert signal.getsignal(number) is signal.default_int_handler, "the second one interrupts"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_end_of_a_terminal_or_container_is_an_interrupt(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)
    with pytest.raises(KeyboardInterrupt), interruptible():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is signal.SIG_DFL


def test_what_is_ignored_stays_ignored() -> None:
    """As SIGHUP is under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interruptible(), stopping() as stop:
        os.kill(os.getpid(), signal.SIGHUP)
        assert not stop.is_set()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


COMMANDS = [
    command.name or str(command.callback.__name__) for command in app.registered_commands if command.callback
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_stopped_before_it_begins_says_so(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def parse(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    monkeypatch.setattr(TyperCommand, "parse_args", parse)
    monkeypatch.setattr(sys, "argv", ["impasto", command])
    with pytest.raises(SystemExit) as end:
        main()
    assert (end.value.code, capsys.readouterr().err) == (130, "stopped\n")
