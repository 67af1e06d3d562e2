"""Which parts an instance has, in the order in which they need each other."""

from __future__ import annotations

import http.client
import sys

from deploy.local.environment import ALL_ROLES, identity_env, service_env
from deploy.local.instance import PROJECT, SERVICES, Instance
from deploy.local.ports import LOOPBACK
from deploy.local.processes import Part, inherited
from deploy.local.settings import Settings

Stages = tuple[tuple[Part, ...], ...]


def stages(instance: Instance) -> Stages:
    """The parts of ``instance``: each stage starts when the one before it is ready; within a stage all start at once.

    What is given from outside has no part.
    """
    settings = instance.settings
    servers: list[Part] = []
    if not settings.postgres:
        servers.append(instance.postgres.part())
    if not settings.kafka:
        servers.extend(instance.kafka.parts())
    if not settings.issuer:
        servers.append(_identity(instance))
    return tuple(servers), (_prepare(instance),), tuple(_services(instance))


def ports_of(settings: Settings) -> dict[str, int]:
    """The ports that the parts of an instance with these settings listen on, by their names."""
    names = [] if settings.postgres else ["postgres"]
    if not settings.kafka:
        names += [f"{kind}-{node}" for node in range(1, settings.brokers + 1) for kind in ("kafka", "controller")]
    if not settings.issuer:
        names.append("identity")
    names += SERVICES
    if settings.split:
        names += [f"{service}-relay" for service in SERVICES]
    return {name: settings.ports[name] for name in names}


def _identity(instance: Instance) -> Part:
    port = instance.settings.ports["identity"]
    return Part(
        name="identity",
        command=(sys.executable, "-m", "deploy.identity.main"),
        log=instance.logs / "identity.log",
        cwd=PROJECT,
        env=identity_env(instance),
        ready=lambda: _says_ok(port, "/health/ready"),
        address=instance.issuer,
        grace=5.0,
    )


def _prepare(instance: Instance) -> Part:
    return Part(
        name="prepare",
        command=(sys.executable, "-m", "deploy.local.prepare", str(instance.root), instance.name),
        log=instance.logs / "prepare.log",
        cwd=PROJECT,
        env=inherited(),
        once=True,
        patience=180.0,
    )


def _services(instance: Instance) -> list[Part]:
    split = instance.settings.split
    parts = [_service(instance, name, name, "api,worker" if split else ALL_ROLES) for name in SERVICES]
    if split:
        parts += [_service(instance, name, f"{name}-relay", "relay") for name in SERVICES]
    return parts


def _service(instance: Instance, service: str, process: str, roles: str) -> Part:
    port = instance.settings.ports[process]
    return Part(
        name=process,
        command=(sys.executable, "-m", f"services.{service}.main"),
        log=instance.logs / f"{process}.log",
        cwd=PROJECT,
        env=service_env(instance, service, roles, process),
        ready=lambda: _says_ok(port, "/health/ready"),
        # Slow is not stuck: a busy machine must not have its services ended.
        live=lambda: _says_ok(port, "/health/live", seconds=5.0),
        address=instance.url(process),
        # Longer than the service gives itself to finish what it holds.
        grace=25.0,
    )


def _says_ok(port: int, path: str, seconds: float = 2.0) -> bool:
    """With the plainest client there is: it is asked ten times a second while a part starts."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
