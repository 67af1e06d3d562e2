"""What the person at the keyboard sees: tables of what runs where, how to sign in, and what the doctor found."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.identity.people import PEOPLE
from deploy.local import outside
from deploy.local.clockfile import told
from deploy.local.doctor import Finding, Verdict
from deploy.local.instance import Instance
from deploy.local.status import PartState, Status

PIPE_CLOSED = 141
"""The exit code of a command whose reader has gone: 128 and the number of SIGPIPE, as in a shell."""

_COLOURS = {
    PartState.READY: "green",
    PartState.DONE: "green",
    PartState.RESTARTING: "red",
    PartState.STOPPED: "dim",
    Verdict.OK: "green",
    Verdict.NOTE: "yellow",
    Verdict.BAD: "red",
}


class _Output(Console):
    def on_broken_pipe(self) -> None:
        """End as a closed pipe ends any command. Rich itself would end with 1."""
        raise SystemExit(PIPE_CLOSED)


def console() -> Console:
    """Where results go: colours in a terminal, plain lines elsewhere."""
    return _Output(highlight=False, soft_wrap=True)


def status_table(instance: Instance, status: Status) -> Table:
    """One row for each part, and for each server that was given from outside."""
    title = f"Hậu Kiểm · {instance.name} · {status.state}"
    if not status.supervised and status.state in ("up", "starting"):
        title = f"Hậu Kiểm · {instance.name} · its supervisor died; make up takes over what still runs"
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in ("part", "state", "address", "pid", "restarts"):
        table.add_column(column, no_wrap=True)
    for part in status.parts:
        colour = _COLOURS.get(part.state, "yellow")
        table.add_row(
            part.name, f"[{colour}]{part.state}[/]", part.address, str(part.pid or ""), str(part.restarts or "")
        )
    for name, address in _outside(instance).items():
        table.add_row(name, "given", address, "", "")
    return table


def notices(instance: Instance, status: Status) -> list[str]:
    """What is worth saying beside the table: troubles of the parts, and where the sandbox clock stands."""
    said = [f"{part.name}: {part.said}" for part in status.parts if part.said]
    if status.message:
        said.append(status.message)
    if instance.settings.clock:
        said.append(f"The sandbox clock stands at {told(instance.clock_file)}.")
    return said


def people_table(instance: Instance) -> Table:
    """How to sign in: the people of the development issuer."""
    table = Table(
        title="How to sign in: haukiem token <role> [--sub <sub>] prints a bearer token",
        title_justify="left",
        title_style="bold",
    )
    for column in ("role", "sub", "name", "of"):
        table.add_column(column, overflow="fold")
    for person in PEOPLE:
        table.add_row(person.role.value, person.sub, person.name, person.authority or person.org or "")
    return table


def show_findings(findings: list[Finding]) -> None:
    """One line for each: state, what, found, and how to mend it."""
    out = console()
    for finding in findings:
        line = Text.assemble((f"{finding.verdict:<5}", _COLOURS[finding.verdict]), f"{finding.what:<14}", finding.state)
        out.print(line.append(f" → {finding.mend}" if finding.mend else ""))


def show_stack(instance: Instance, status: Status, *, people: bool = True) -> None:
    """The whole picture, as ``up`` and ``status`` print it."""
    out = console()
    out.print(status_table(instance, status))
    for line in notices(instance, status):
        out.print(line, markup=False)
    if people and not instance.settings.issuer:
        out.print(people_table(instance))
    out.print(f"Data and logs: {instance.folder}", markup=False)


def _outside(instance: Instance) -> dict[str, str]:
    names = {outside.KAFKA: "kafka", outside.ISSUER: "identity", outside.POSTGRES: "postgres"}
    return {
        names[variable]: outside.place_of(value) if variable == outside.POSTGRES else value
        for variable, value in instance.outside.items()
    }
