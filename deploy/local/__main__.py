"""``python -m deploy.local up|status|logs|down|clean|doctor``: the stack without the rest of the command line."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime

from deploy.local import doctor, show, stack
from deploy.local.errors import StackError
from deploy.local.instance import Instance


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0, or 1 with one clear message."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader (head, less) has seen enough; Python must not complain when it closes the output at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("\nInterrupted. What runs goes on in the background: make status, make down", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    instance = Instance(options.instance) if options.instance else Instance.current()
    if options.command == "up":
        chosen = Instance(options.instance or "main")
        status = stack.up(
            chosen,
            brokers=options.brokers,
            split=options.split or None,
            clock=options.clock,
            log_level=options.log_level,
        )
        show.show_stack(chosen, status)
    elif options.command == "status":
        return _status(instance)
    elif options.command == "logs":
        stack.logs(instance, options.part, lines=options.lines, following=options.follow)
    elif options.command in ("down", "clean"):
        act = stack.down if options.command == "down" else stack.clean
        for each in [instance] if options.instance else stack.instances():
            act(each)
    else:
        findings = doctor.examine(instance)
        show.show_findings(findings)
        return int(any(finding.verdict is doctor.Verdict.BAD for finding in findings))
    return 0


def _status(instance: Instance) -> int:
    """0 when the stack is up, 3 when it is not (as service scripts answer)."""
    status = stack.current_status(instance)
    if status is None:
        raise StackError(f"The stack {instance.name} is not running.", "Start it: make up")
    show.show_stack(instance, status, people=False)
    return 0 if status.supervised and status.state == "up" else 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description="The local stack of Hậu Kiểm.")
    parser.add_argument(
        "--instance", help="which stack (default: main for up, all for down and clean, else the one started last)"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring everything up in the background")
    up.add_argument("--brokers", type=int, help="1 or 3 Kafka brokers")
    up.add_argument("--split", action="store_true", help="run each service's relay as a process of its own")
    up.add_argument(
        "--clock", type=datetime.fromisoformat, help="start an empty stack on the sandbox clock, at this instant"
    )
    up.add_argument("--log-level", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    commands.add_parser("status", help="what runs where")
    logs = commands.add_parser("logs", help="the end of the logs")
    logs.add_argument("part", nargs="?", help="one part alone")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    logs.add_argument("-n", "--lines", type=int, default=20)
    commands.add_parser("down", help="stop everything; data stays")
    commands.add_parser("clean", help="stop everything and remove all data")
    commands.add_parser("doctor", help="is this machine able to run the stack?")
    return parser


if __name__ == "__main__":
    sys.exit(main())
