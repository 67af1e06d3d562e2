"""``haukiem``: the stack, the queue, the clock and the demo from the command line. Speaks to the instance started last."""

from __future__ import annotations

import os
import sys

import typer

from deploy.cli import clock, dead, demo, look, replay, stack
from deploy.cli.failing import Failure
from deploy.cli.session import explain, say_what_the_terminal_can
from deploy.demo.enterprises import NotAsScripted
from deploy.demo.forward import Stuck
from deploy.local.errors import StackError
from deploy.local.show import PIPE_CLOSED
from shared.client import ClientError

app = typer.Typer(
    name="haukiem",
    help="Hậu Kiểm: a regulatory sandbox for cultural startups, under post-inspection.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
stack.register(app)
look.register(app)
replay.register(app)
demo.register(app)
app.add_typer(dead.app, name="dead")
app.add_typer(clock.app, name="clock")
dead.register(app)


def main() -> None:
    """The entry point: an expected failure is one clear message and an exit code, never a traceback. A reader that has what it wanted
    and goes (``haukiem status | head -1``) ends the command as a closed pipe ends any other."""
    say_what_the_terminal_can()
    said = sys.stdout
    try:
        _run()
    finally:
        closed = (
            sys.stdout is not said
        )  # click, which hides the error, has put one in its place that hides what follows
        try:
            said.flush()
        except BrokenPipeError:
            closed = True
        if closed:
            # What is still buffered would be tried again, and complained of, as the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), said.fileno())
            sys.exit(PIPE_CLOSED)


def _run() -> None:
    try:
        app()
    except (Failure, StackError, ClientError) as error:
        message, code = explain(error)
        sys.stderr.write(f"{message}\n")
        sys.exit(code)
    except (Stuck, NotAsScripted) as error:
        sys.stderr.write(f"{error}\nWhat the services say: haukiem logs, haukiem dead list\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
