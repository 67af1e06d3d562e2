"""What each process of the stack is told by its environment."""

from __future__ import annotations

from deploy.identity.tokens import AUDIENCE
from deploy.local.instance import Instance
from deploy.local.processes import inherited

ALL_ROLES = "api,worker,relay"


def service_env(instance: Instance, service: str, roles: str = ALL_ROLES, port: str | None = None) -> dict[str, str]:
    """The whole environment of a service's process: ours, and of the shell's nothing but what is not about us."""
    settings = instance.settings
    env = {
        **inherited(),
        "PYTHONUNBUFFERED": "1",
        "HAUKIEM_ENV": "local",
        "HAUKIEM_SERVICE_PORT": str(settings.ports[port or service]),
        "HAUKIEM_POSTGRES": instance.postgres_dsn(service),
        "HAUKIEM_KAFKA": instance.kafka_bootstrap,
        "HAUKIEM_OIDC_ISSUER": instance.issuer,
        "HAUKIEM_OIDC_AUDIENCE": AUDIENCE,
        "HAUKIEM_ROLES": roles,
        "HAUKIEM_LOG_LEVEL": settings.log_level,
    }
    if settings.clock:
        env["HAUKIEM_CLOCK_FILE"] = str(instance.clock_file)
    return env


def identity_env(instance: Instance) -> dict[str, str]:
    """The environment of the development issuer."""
    return {
        **inherited(),
        "PYTHONUNBUFFERED": "1",
        "HAUKIEM_ENV": "local",
        "HAUKIEM_SERVICE_PORT": str(instance.settings.ports["identity"]),
        "HAUKIEM_OIDC_ISSUER": instance.issuer,
        "HAUKIEM_IDENTITY_KEY": str(instance.key_file),
    }
