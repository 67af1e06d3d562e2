"""Runs a service: opens what it stands on, starts the tasks of its roles, and stops gracefully.

A service's ``main.py`` reads::

    def build(settings: Settings) -> Service:
        db = Database(settings.postgres.get_secret_value(), application="applications", pool=settings.db_pool)
        clock = open_clock(settings.clock_file)
        kafka = Kafka(settings.kafka, client_id="applications", security=settings.security_of_kafka())
        metrics = Metrics("applications")
        outbox = Outbox(topics.APPLICATIONS.name, "haukiem/applications")
        relay = Relay(db, kafka, outbox, metrics, republish_on_new_cluster=settings.republish_on_new_cluster)
        consumer = Consumer(db, kafka, "applications", consumers.handlers(...), metrics, poison_limit=settings.poison_limit)
        due_clocks = Sweep(db, clock, sweep.fire(...), metrics, kinds=sweep.KINDS)
        verifier = Verifier(settings.oidc_issuer, settings.oidc_audience)
        app = create_app("applications", settings, description=DESCRIPTION, access=access.APPLICATIONS, verifier=verifier, metrics=metrics,
                         health=Health(live={"consumer": consumer.alive}, ready={"postgres": db.ping, "kafka": kafka.ping}),
                         routers=[*api.routers(...), ops.router("applications", db, clock, outbox, [consumer])])
        return Service(settings, app, resources=[db, kafka, verifier],
                       tasks={Role.RELAY: [relay.run], Role.WORKER: [consumer.run, due_clocks.run]})

    if __name__ == "__main__":
        service.main("applications", Settings, build, migrations=Path(__file__).parent / "migrations")
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI
from pydantic import ValidationError

from shared.platform import logs
from shared.platform.clock import ClockUnreadable
from shared.platform.settings import Role, ServiceSettings

log = structlog.get_logger(__name__)

S = TypeVar("S", bound=ServiceSettings)
Task = Callable[[asyncio.Event], Awaitable[None]]
"""Works until the event is set, then finishes what it holds and returns. One that returns or raises earlier ends the process."""


class Resource(Protocol):
    """What must be open while the service runs. Opened in order, closed in reverse."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...


@dataclass(frozen=True)
class Service:
    """All parts of one process of a service. ``always`` runs whatever the roles of the process are."""

    settings: ServiceSettings
    app: FastAPI
    resources: Sequence[Resource] = ()
    always: Sequence[Task] = ()
    tasks: Mapping[Role, Sequence[Task]] = field(default_factory=dict)


class TaskEnded(RuntimeError):
    """A background task returned although nobody had asked it to stop."""


class _Server(uvicorn.Server):
    """uvicorn, without its own signal handlers: the service decides in which order its parts stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def run(service: Service, *, stop: asyncio.Event | None = None) -> None:
    """Run until a signal (or ``stop``) comes, then stop in the order in which work flows: requests, workers, relay.

    Raises what a background task raised, or :class:`TaskEnded`: the process must then end, and its supervisor starts it anew.
    """
    stop = stop or asyncio.Event()
    _listen_to_signals(stop)
    async with contextlib.AsyncExitStack() as stack:
        for resource in service.resources:
            await resource.open()
            stack.push_async_callback(resource.close)
        await _run_open(service, stop)


async def _run_open(service: Service, stop: asyncio.Event) -> None:
    settings = service.settings
    stops = {role: asyncio.Event() for role in (Role.WORKER, Role.RELAY)}
    stops[Role.API] = stop
    running: dict[Role, list[asyncio.Task[None]]] = {
        role: [asyncio.ensure_future(_guarded(task, stops[role])) for task in service.tasks.get(role, ())]
        for role in settings.roles
    }
    always = [asyncio.ensure_future(_guarded(task, stop)) for task in service.always]
    server = _Server(
        uvicorn.Config(
            service.app,
            host=settings.service_host,
            port=settings.service_port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # which proxies are believed is said by the application's own settings
            lifespan="off",
            timeout_graceful_shutdown=int(settings.shutdown_seconds),
        )
    )
    serving = asyncio.ensure_future(_serve(server, stop))
    everything = [serving, *always, *(task for tasks in running.values() for task in tasks)]
    stopping = asyncio.ensure_future(stop.wait())
    log.info("service_started", roles=sorted(settings.roles), port=settings.service_port)
    try:
        done, _ = await asyncio.wait([stopping, *everything], return_when=asyncio.FIRST_COMPLETED)
        if stopping not in done:
            log.critical("task_ended", failed=[str(task.exception()) for task in done])
    finally:
        stopping.cancel()
        stop.set()
        server.should_exit = True
        await _finish([serving, *always], settings.shutdown_seconds)
        for role in (Role.API, Role.WORKER, Role.RELAY):
            stops[role].set()
            await _finish(running.get(role, []), settings.shutdown_seconds)
    for task in everything:
        if not task.cancelled():
            task.result()
    log.info("service_stopped")


async def _serve(server: uvicorn.Server, stop: asyncio.Event) -> None:
    try:
        await server.serve()
    except SystemExit as error:  # uvicorn's way to say that it could not listen
        raise RuntimeError("the HTTP server did not start; is the port taken?") from error
    if not stop.is_set():
        raise TaskEnded("the HTTP server ended")


async def _guarded(task: Task, stop: asyncio.Event) -> None:
    await task(stop)
    if not stop.is_set():
        raise TaskEnded(f"{getattr(task, '__qualname__', task)} returned")


async def _finish(tasks: Sequence[asyncio.Task[None]], seconds: float) -> None:
    """Give ``tasks`` their time to finish what they hold; then cancel them. What they held is done again: nothing rests on finishing."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        log.warning("task_cancelled", task=str(task.get_coro()))
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=5)


def _listen_to_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread, as in tests
            loop.add_signal_handler(number, stop.set)


def main(name: str, settings: type[S], build: Callable[[S], Service], *, migrations: Path) -> None:
    """``python -m services.<name>.main`` runs the service; with ``migrate`` it brings the schema up to date and ends.

    Exit status 2 means that the environment is wrong, 1 that the service failed.
    """
    try:
        known = settings()
    except ValidationError as error:
        _complain(name, error)
        raise SystemExit(2) from None
    logs.configure(name, known.log_level)
    if sys.argv[1:] == ["migrate"]:
        from shared.platform.migrate import migrate  # Alembic is a good part of a start, and this alone needs it

        migrate(known.postgres.get_secret_value(), migrations)
        return
    if sys.argv[1:]:
        sys.stderr.write(f"usage: python -m services.{name}.main [migrate]\n")
        raise SystemExit(2)
    try:
        uvloop.run(_built(build, known))
    except ClockUnreadable as error:
        sys.stderr.write(f"{name}: {error}\n")
        raise SystemExit(2) from None
    except Exception:
        log.critical("service_failed", exc_info=True)
        raise SystemExit(1) from None


async def _built(build: Callable[[S], Service], settings: S) -> None:
    # Built inside the loop: some parts bind to it as they are made.
    await run(build(settings))


def _complain(name: str, error: ValidationError) -> None:
    sys.stderr.write(f"{name}: the environment is not usable:\n")
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        variable = f"HAUKIEM_{'_'.join(str(part) for part in each['loc'])}".upper() + ": " if each["loc"] else ""
        sys.stderr.write(f"  {variable}{each['msg'].removeprefix('Value error, ')}\n")
