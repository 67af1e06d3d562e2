"""The environment of a service, typed. Every variable begins with ``HAUKIEM_``; a service may add its own fields in a subclass."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from limits import parse_many
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from shared.contracts.access.rule import RateLimit
from shared.platform.kafka_security import KafkaSettings

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Role(StrEnum):
    """What one process of a service does; a process may have several roles."""

    API = "api"
    WORKER = "worker"
    RELAY = "relay"


class ServiceSettings(KafkaSettings):
    """What each service reads from its environment. Raises ``ValidationError`` with a message that names the variable."""

    env: Literal["local", "production"] = "production"
    service_host: str = "127.0.0.1"
    service_port: int = Field(default=8000, ge=0, le=65535)
    postgres: SecretStr
    """A libpq connection string of the service's own role, whose search path begins with the service's own schema."""
    kafka: str
    """Bootstrap servers, ``host:port[,host:port]``."""
    oidc_issuer: str
    oidc_audience: str = "haukiem"
    clock_file: Path | None = None
    """The sandbox clock's file; None is wall time. Refused in production."""
    roles: Annotated[frozenset[Role], NoDecode] = frozenset(Role)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    body_limit: int = Field(default=1_048_576, ge=1024)
    """Bytes of the largest request body that is read."""
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    """Networks of the proxies whose ``X-Forwarded-For`` says who calls. Without any, who calls is the peer of the connection."""
    rate_limits: dict[str, RateLimit] = Field(default_factory=dict)
    """By action, instead of what the access table says."""
    figures_seconds: float = Field(default=15.0, ge=1, le=3600)
    """How often a process counts the domain's figures, and makes the statistics, at most."""
    db_pool: int = Field(default=10, ge=2, le=200)
    republish_on_new_cluster: bool = False
    """Whether the relay sends its retained rows again by itself when Kafka's cluster id has changed."""
    poison_limit: int = Field(default=100, ge=1)
    """How many records a consumer may have set aside as poison before it stops rather than set everything aside."""
    shutdown_seconds: float = Field(default=20.0, gt=0)

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split_proxies(cls, value: object) -> object:
        return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _not_everybody(cls, value: tuple[IPv4Network | IPv6Network, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
        if any(network.prefixlen == 0 for network in value):
            raise ValueError("the whole internet is no proxy: whoever is trusted may call under any address")
        return value

    @field_validator("rate_limits")
    @classmethod
    def _readable_limits(cls, value: dict[str, RateLimit]) -> dict[str, RateLimit]:
        for limit in value.values():
            for text in (limit.each, limit.all):
                parse_many(text)
        return value

    @field_validator("roles", mode="before")
    @classmethod
    def _split_roles(cls, value: object) -> object:
        if isinstance(value, str):
            names = [name.strip() for name in value.split(",") if name.strip()]
            return frozenset(Role) if names == ["all"] else frozenset(names)
        return value

    @model_validator(mode="after")
    def _roles_present(self) -> Self:
        if not self.roles:
            raise ValueError("HAUKIEM_ROLES names no role; use api, worker, relay or all")
        return self

    @model_validator(mode="after")
    def _issuer_is_trustworthy(self) -> Self:
        issuer = urlsplit(self.oidc_issuer)
        if issuer.scheme == "https" and issuer.hostname:
            return self
        if self.env == "production":
            raise ValueError("HAUKIEM_OIDC_ISSUER must be an https address in production")
        if issuer.scheme != "http" or issuer.hostname not in LOOPBACK:
            raise ValueError("HAUKIEM_OIDC_ISSUER must be https, or http on this machine in the local stack")
        return self

    @model_validator(mode="after")
    def _production_runs_on_wall_time(self) -> Self:
        if self.env == "production" and self.clock_file is not None:
            raise ValueError("HAUKIEM_CLOCK_FILE is the sandbox clock of the local stack; production refuses it")
        return self

    @model_validator(mode="after")
    def _production_says_how_it_speaks_to_kafka(self) -> Self:
        if self.env == "production" and self.kafka_security is None:
            raise ValueError(
                "HAUKIEM_KAFKA_SECURITY is missing: ssl, sasl_ssl or sasl_plaintext; plaintext is said aloud in production, "
                "where whoever reaches the broker may write what he likes"
            )
        return self

    @property
    def is_local(self) -> bool:
        return self.env == "local"
