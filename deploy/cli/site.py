"""Which deployment a command speaks to, and with whose token: a stack of this folder, or any other by environment.

``HAUKIEM_APPLICATIONS_URL``, ``HAUKIEM_MONITORING_URL`` and ``HAUKIEM_DECISIONS_URL`` name a deployment elsewhere, ``HAUKIEM_KAFKA`` its
log (``replay`` alone reads it; ``HAUKIEM_KAFKA_SECURITY`` and its companions say how), ``HAUKIEM_TOKEN`` is a bearer token of its issuer.
An ``--instance`` that is named goes before them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from deploy.cli.failing import NOT_RUNNING, Failure
from deploy.local.instance import SERVICES, Instance
from shared.client import Addresses
from shared.contracts.access.rule import Role
from shared.platform.kafka_security import KafkaSecurity, KafkaSettings

TOKEN = "HAUKIEM_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True)
class Site:
    """One deployment as one caller sees it. ``token`` gives a bearer token for a role, and raises :class:`Failure` when there is none."""

    addresses: Addresses
    kafka: str | None
    token: Callable[[Role, str | None], str]
    security: KafkaSecurity | None = None


def instance_named(name: str | None) -> Instance:
    """The instance asked for, or the one started last. Raises :class:`Failure` when there is none."""
    instance = Instance(name) if name else Instance.current()
    if not instance.exists:
        raise Failure(f"There is no stack {instance.name} yet. Start it with: make up, or: make demo", NOT_RUNNING)
    return instance


def site_named(name: str | None, environ: Mapping[str, str] = os.environ) -> Site:
    """The deployment that a command speaks to. Raises :class:`Failure` when there is none, or when only a part of one is named."""
    urls = {service: environ.get(url_variable(service), "") for service in SERVICES}
    if name is not None or not any(urls.values()):
        return _local(instance_named(name), environ)
    if missing := [url_variable(service) for service, url in urls.items() if not url]:
        raise Failure(f"Of the deployment only a part is named: set {', '.join(missing)} too.", 2)
    kafka = environ.get("HAUKIEM_KAFKA")
    security = _security(environ) if kafka else None
    return Site(Addresses(**urls), kafka, lambda role, _: _given(role, environ), security)


def url_variable(service: str) -> str:
    """The environment variable with the address of a service elsewhere."""
    return f"HAUKIEM_{service.upper()}_URL"


def _local(instance: Instance, environ: Mapping[str, str]) -> Site:
    issued_here = instance.settings.issuer is None

    def token(role: Role, sub: str | None) -> str:
        return instance.mint(role, sub) if issued_here else _given(role, environ)

    return Site(Addresses(**instance.urls), instance.kafka_bootstrap, token)


class _KafkaGiven(KafkaSettings):
    """Of what it is given alone, whatever this process's own environment says."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def _security(environ: Mapping[str, str]) -> KafkaSecurity:
    """How Kafka is spoken to, by the same variables as the services'."""
    variables = {f"HAUKIEM_{name.upper()}": name for name in KafkaSettings.model_fields}
    given: dict[str, Any] = {name: environ[variable] for variable, name in variables.items() if variable in environ}
    try:
        return _KafkaGiven(**given).security_of_kafka()
    except ValidationError as error:
        raise Failure("; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors()), 2) from None
    except OSError as error:
        raise Failure(f"The certificates or the password for Kafka cannot be read: {error}", 2) from None


def _given(role: Role, environ: Mapping[str, str]) -> str:
    if not (token := environ.get(TOKEN)):
        raise Failure(f"Who are you? Put a token of your identity provider with the role {role} into {TOKEN}.", 2)
    return token
