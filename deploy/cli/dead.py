"""Dead letters of all three services, and publishing again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console

from deploy.cli.failing import Failure
from deploy.cli.lines import when
from deploy.cli.session import AsJson, InstanceName, out, print_json, run, signed_in
from deploy.cli.site import Site, site_named
from deploy.local.instance import SERVICES
from shared.client.ops import DeadLetter
from shared.contracts.access.rule import Role

app = typer.Typer(help="What was set aside: records, and pilots on which judging failed.", no_args_is_help=True)
Rows = Annotated[list[int], typer.Argument(help="Its number, as dead list shows it; or several.")]
Row = Annotated[int, typer.Argument(help="Its number, as dead list shows it.")]
Service = Annotated[str, typer.Argument(help="applications, monitoring or decisions.")]


def register(main: typer.Typer) -> None:
    main.command()(republish)


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="parked, poison, dead or done; else poison and dead.")] = None,
    instance: InstanceName = None,
    as_json: AsJson = False,
) -> None:
    """What was set aside, service by service."""
    found = run(_list(site_named(instance), state))
    if as_json:
        print_json([{"service": service, **letter.model_dump(mode="json")} for service, letter in found])
        return
    if not found:
        out().print("Nothing was set aside.")
        return
    for service, letter in found:
        _print_line(out(), service, letter)


def _print_line(console: Console, service: str, letter: DeadLetter) -> None:
    """Lines rather than a table, as in the queue: keys and reasons stay whole in a narrow terminal."""
    console.print(f"[bold]{service} {letter.id}[/] · {letter.state} · set aside {when(letter.set_aside_at)}")
    console.print(f"   {letter.reason}", markup=False)
    console.print(f"   {_place(letter)} · key {letter.key}", markup=False)
    console.print(f"   haukiem dead show {service} {letter.id}", markup=False, style="dim")


def _place(letter: DeadLetter) -> str:
    return f"{letter.topic}[{letter.partition}]@{letter.offset}"


async def _list(site: Site, state: str | None) -> list[tuple[str, DeadLetter]]:
    async with signed_in(site, Role.OPS) as client:
        return [(name, letter) for name, ops in client.ops.items() for letter in await ops.dead(state)]


@app.command()
def show(service: Service, row: Row, instance: InstanceName = None, as_json: AsJson = False) -> None:
    """One record with what it says; one pilot with the error on which judging it failed."""
    letter = run(_show(site_named(instance), _known(service), row))
    if as_json:
        print_json(letter)
        return
    for line in _told(letter):
        out().print(line, markup=False)


def _told(letter: DeadLetter) -> Iterator[str]:
    """What is known of it; what is not there is not said."""
    yield f"{letter.consumer} {letter.id} · {letter.state}"
    attempts = "1 attempt" if letter.attempts == 1 else f"{letter.attempts} attempts"
    for name, value in {
        "reason": letter.reason,
        "set aside": f"{when(letter.set_aside_at)} after {attempts}",
        "sent again": " by ".join(said for said in (when(letter.resent_at), letter.resent_by) if said),
        "done": when(letter.done_at),
        "place": _place(letter),
        "key": letter.key,
    }.items():
        if value:
            yield f"  {name:<11}{value}"
    if letter.headers:
        yield "headers"
        yield from (f"  {name}: {value}" for name, value in letter.headers)
    if letter.value is not None:
        yield "value"
        yield from (f"  {line}" for line in _readable(letter.value).splitlines())


def _readable(value: str) -> str:
    """JSON line by line; anything else as it is."""
    try:
        return json.dumps(json.loads(value), ensure_ascii=False, indent=2)
    except ValueError:
        return value


async def _show(site: Site, service: str, row: int) -> DeadLetter:
    async with signed_in(site, Role.OPS) as client:
        return await client.ops[service].show_dead(row)


@app.command()
def resend(service: Service, rows: Rows, instance: InstanceName = None) -> None:
    """Hand a record to its consumer again, and to that consumer alone; have a pilot's reports and clocks judged after all."""
    run(_resend(site_named(instance), _known(service), rows))


async def _resend(site: Site, service: str, rows: list[int]) -> None:
    async with signed_in(site, Role.OPS) as client:
        for row in rows:
            await client.ops[service].resend(row)
            out().print(f"Number {row} goes to its consumer in {service} again.")


def republish(
    service: Annotated[str | None, typer.Argument(help="One service; else all three.")] = None,
    instance: InstanceName = None,
    as_json: AsJson = False,
) -> None:
    """Publish the retained outbox again, after Kafka was lost or wiped; nothing takes effect twice."""
    names = SERVICES if service is None else (_known(service),)
    rows = run(_republish(site_named(instance), names))
    if as_json:
        print_json(rows)
        return
    for name, count in rows.items():
        out().print(f"{name}: {count} events are sent again")


async def _republish(site: Site, names: tuple[str, ...]) -> dict[str, int]:
    async with signed_in(site, Role.OPS) as client:
        return {name: (await client.ops[name].republish()).rows for name in names}


def _known(service: str) -> str:
    if service not in SERVICES:
        raise Failure(f"There is no service {service}. There are: {', '.join(SERVICES)}", 2)
    return service
