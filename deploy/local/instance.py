"""One stack on this machine: its folder, ports, secrets and addresses. ``main`` is everyone's; ``demo`` and tests have their own."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.identity import tokens
from deploy.identity.people import find
from deploy.local import outside
from deploy.local.errors import StackError, explain_os_error
from deploy.local.kafka import KafkaCluster
from deploy.local.outside import Outside
from deploy.local.ports import LOOPBACK
from deploy.local.postgres import DATABASE, PostgresServer, new_password, with_role
from deploy.local.settings import MAIN, Asked, Past, Plan, Settings, settle
from shared.contracts.access.rule import Role

PROJECT = Path(__file__).parents[2]
ROOT = PROJECT / ".haukiem"
SERVICES = ("applications", "monitoring", "decisions")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")
# What lies beside the stacks' folders.
_RESERVED = ("uv", "test", "current")

M = TypeVar("M", bound=BaseModel)


class Secrets(BaseModel):
    """Passwords of this instance, made for it alone; kept readable by its owner only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    admin: str
    services: dict[str, str]
    external_postgres: str | None = None


class Instance:
    """An instance ``name`` in the folder ``<root>/<name>``; nothing is read or written before it is asked for.

    Raises :class:`StackError` for a name that is no name: the folder of that name is removed by ``clean``.
    """

    def __init__(self, name: str = MAIN, root: Path = ROOT) -> None:
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise StackError(
                f"{name!r} is no name for a stack.",
                "Use letters, digits, - and _, beginning with a letter or digit; uv, test and current are taken.",
            )
        self.name = name
        self.root = root
        self.folder = root / name
        self.logs = self.folder / "logs"
        self.run = self.folder / "run"
        self.clock_file = self.folder / "clock.json"
        self.status_file = self.run / "status.json"
        self.lock_file = self.run / "supervisor.lock"
        self.prepared_file = self.folder / "prepared"
        """There once the services had something to write to."""
        self.key_file = self.folder / "identity" / "key.pem"
        self._settings_file = self.folder / "instance.json"
        self._secrets_file = self.folder / "secrets.json"

    @classmethod
    def current(cls, root: Path = ROOT) -> Self:
        """The one started last; ``main`` when none was."""
        try:
            return cls((root / "current").read_text(encoding="utf-8").strip() or MAIN, root)
        except FileNotFoundError:
            return cls(MAIN, root)

    def make_current(self) -> None:
        write_atomically(self.root / "current", f"{self.name}\n")

    def forget_current(self) -> None:
        """When it is gone, it is no longer the one that commands speak to."""
        if Instance.current(self.root).name == self.name:
            (self.root / "current").unlink(missing_ok=True)

    # --- what is remembered

    @property
    def exists(self) -> bool:
        return self._settings_file.exists()

    @property
    def has_data(self) -> bool:
        """Whether anything was ever kept here: then the number of brokers and the sandbox clock are fixed."""
        made = (self.folder / "postgres" / "data", self.folder / "kafka" / "broker-1", self.prepared_file)
        return any(path.exists() for path in made)

    @property
    def settings(self) -> Settings:
        """Raises :class:`StackError` when the instance was never configured."""
        return self._read(self._settings_file, Settings)

    @property
    def secrets(self) -> Secrets:
        return self._read(self._secrets_file, Secrets)

    def make_folders(self) -> None:
        """Only their owner looks into them: logs and Kafka's files hold what startups sent. (PostgreSQL, when it runs as another
        account, passes through the instance's folder to its own.)"""
        for folder, mode in (
            (self.folder, 0o711),
            (self.logs, 0o700),
            (self.run, 0o700),
            (self.folder / "kafka", 0o700),
        ):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)

    @property
    def outside(self) -> Outside:
        """The servers from outside that it runs on."""
        known = self.settings
        given = {
            outside.KAFKA: known.kafka,
            outside.ISSUER: known.issuer,
            outside.POSTGRES: self.secrets.external_postgres if known.postgres else None,
        }
        return {variable: value for variable, value in given.items() if value}

    def settle(self, asked: Asked, environ: Mapping[str, str] = os.environ) -> Plan:
        """How the instance would run from now on; writes nothing. Raises :class:`StackError` for what cannot be."""
        past = Past()
        if self.exists:
            past = Past(self.settings, self.outside, has_data=self.has_data, prepared=self.prepared_file.exists())
        return settle(self.name, past, asked, environ)

    def keep(self, plan: Plan) -> None:
        """Remember how it runs."""
        self._keep_secrets(plan.outside.get(outside.POSTGRES))
        write_atomically(self._settings_file, plan.settings.model_dump_json(indent=1))

    def configure(
        self,
        *,
        brokers: int | None = None,
        split: bool | None = None,
        clock: bool | None = None,
        log_level: str | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Settings:
        """Settle how the instance runs from now on, and remember it. Raises :class:`StackError`; then nothing was written."""
        plan = self.settle(Asked(brokers, split, clock, log_level), environ)
        self.keep(plan)
        return plan.settings

    def _keep_secrets(self, external_postgres: str | None) -> None:
        """Passwords are made once."""
        known = self.secrets if self._secrets_file.exists() else None
        services = known.services if known else {}
        secrets = Secrets(
            admin=known.admin if known else new_password(),
            services={service: services.get(service) or new_password() for service in SERVICES},
            external_postgres=external_postgres,
        )
        write_atomically(self._secrets_file, secrets.model_dump_json(indent=1), mode=0o600)

    def _read(self, path: Path, model: type[M]) -> M:
        try:
            return model.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise StackError(f"There is no stack {self.name} in {self.root}.", "Start it with: make up") from None
        except ValidationError as error:
            raise StackError(
                f"{path} cannot be read: {error.errors()[0]['msg']}", f"Remove the stack: haukiem clean -i {self.name}"
            ) from error

    # --- addresses

    @property
    def kafka_bootstrap(self) -> str:
        return self.settings.kafka or self.kafka.bootstrap

    @property
    def issuer(self) -> str:
        settings = self.settings
        return settings.issuer or f"http://{LOOPBACK}:{settings.ports['identity']}"

    @property
    def admin_dsn(self) -> str:
        """The DSN of PostgreSQL's administrator, in the database of the services."""
        secrets = self.secrets
        return secrets.external_postgres or self.postgres.dsn()

    def postgres_dsn(self, service: str) -> str:
        """The DSN of a service's own role, whose search path is its own schema."""
        secrets = self.secrets
        password = secrets.services[service]
        if secrets.external_postgres:
            return with_role(secrets.external_postgres, service, password, schema=service)
        return self.postgres.dsn(service, password, DATABASE, schema=service)

    def url(self, service: str) -> str:
        """The address of a service's API."""
        return f"http://{LOOPBACK}:{self.settings.ports[service]}"

    @property
    def urls(self) -> dict[str, str]:
        return {service: self.url(service) for service in SERVICES}

    # --- the embedded parts

    @property
    def postgres(self) -> PostgresServer:
        return PostgresServer(
            self.folder / "postgres", self.settings.ports["postgres"], self.secrets.admin, self.logs / "postgres.log"
        )

    @property
    def kafka(self) -> KafkaCluster:
        settings = self.settings
        nodes = range(1, settings.brokers + 1)
        return KafkaCluster(
            self.folder / "kafka",
            settings.cluster_id,
            tuple(settings.ports[f"kafka-{node}"] for node in nodes),
            tuple(settings.ports[f"controller-{node}"] for node in nodes),
            self.logs,
        )

    # --- signing in

    def mint(
        self,
        role: Role,
        sub: str | None = None,
        *,
        org: str | None = None,
        authority: str | None = None,
        name: str | None = None,
        lifetime: timedelta = tokens.LIFETIME,
    ) -> str:
        """An access token of the development issuer, made without asking it (the same key). Raises :class:`StackError` when the
        issuer is given from outside."""
        if self.settings.issuer:
            raise StackError(
                f"Tokens come from {self.settings.issuer}, which was given from outside.",
                "Get one there; haukiem uses what stands in HAUKIEM_TOKEN.",
            )
        person = find(role, sub, org=org, authority=authority, name=name)
        return tokens.mint(tokens.load_key(self.key_file), self.issuer, person, lifetime=lifetime)


def write_atomically(path: Path, text: str, *, mode: int = 0o644) -> None:
    """By another file and a rename. Raises :class:`StackError` when the disk does not take it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        fresh.rename(path)
    except OSError as error:
        raise explain_os_error(error, f"writing {path}") from error


def read_json(path: Path) -> dict[str, object] | None:
    """The object in a file, or None when there is none or it is not whole."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
