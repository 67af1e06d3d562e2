"""``haukiem``: the stack, the queue, the clock and the demo from the command line. Speaks to the instance started last."""

from __future__ import annotations

import sys

import typer

from deploy.cli import clock, dead, demo, look, replay, stack
from deploy.cli.failing import Failure
from deploy.cli.session import explain, say_what_the_terminal_can
from deploy.demo.enterprises import NotAsScripted
from deploy.demo.forward import Stuck
from deploy.local.errors import StackError
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
    """The entry point: an expected failure is one clear message and an exit code, never a traceback."""
    say_what_the_terminal_can()
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
