"""Dead letters of all three services, and publishing again."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from deploy.cli.failing import Failure
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
    table = Table()
    for column in ("service", "number", "state", "topic", "key", "set aside", "reason"):
        table.add_column(column, overflow="fold")
    for service, letter in found:
        place = f"{letter.topic}[{letter.partition}]@{letter.offset}"
        table.add_row(
            *(service, str(letter.id), letter.state, place, letter.key),
            *(f"{letter.set_aside_at:%Y-%m-%d %H:%M:%S}", letter.reason),
        )
    out().print(table)


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
    for name, value in letter.model_dump(mode="json").items():
        out().print(f"{name}: {value}", markup=False)


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
