"""``python -m deploy.identity.main``: the development issuer as a small web service.

Environment: ``HAUKIEM_ENV`` (must be ``local``), ``HAUKIEM_SERVICE_PORT``, ``HAUKIEM_OIDC_ISSUER`` (its own address),
``HAUKIEM_IDENTITY_KEY`` (the file of its key).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from deploy.identity.people import PEOPLE, find
from deploy.identity.tokens import ALGORITHM, LIFETIME, SigningKey, load_key, mint
from shared.contracts.access.rule import Role
from shared.platform.settings import LOOPBACK


class RefusedToStart(RuntimeError):
    """The development issuer must not run here: it gives anyone any role."""


def check_place(env: str | None, issuer: str) -> None:
    """Raises :class:`RefusedToStart` anywhere but in the local stack, on this machine's own address."""
    if env != "local":
        raise RefusedToStart("the development issuer gives anyone any role: it runs only with HAUKIEM_ENV=local")
    if urlsplit(issuer).hostname not in LOOPBACK:
        raise RefusedToStart(f"the development issuer answers only on loopback, not as {issuer}")


def create_app(key: SigningKey, issuer: str) -> FastAPI:
    """Discovery, key set, tokens, and the list of people."""
    app = FastAPI(title="Hậu Kiểm development issuer", docs_url=None, redoc_url=None)

    @app.get("/.well-known/openid-configuration")
    def discovery() -> dict[str, Any]:
        return _discovery(issuer)

    @app.get("/jwks")
    def jwks() -> dict[str, Any]:
        return {"keys": [key.jwk]}

    @app.get("/people")
    def people() -> list[dict[str, str | None]]:
        return [
            {"sub": p.sub, "name": p.name, "role": p.role.value, "org": p.org, "authority": p.authority} for p in PEOPLE
        ]

    @app.get("/health/ready")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/token")
    async def token(request: Request) -> JSONResponse:
        """``grant_type=client_credentials&role=officer[&sub=…&org=…&authority=…&name=…]``, form-encoded."""
        return _answer(key, issuer, (await request.body()).decode("utf-8", "replace"))

    return app


def _discovery(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/jwks",
        "token_endpoint": f"{issuer}/token",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["none"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
    }


def _answer(key: SigningKey, issuer: str, body: str) -> JSONResponse:
    form = {name: values[-1] for name, values in parse_qs(body).items()}
    if form.get("grant_type") != "client_credentials":
        return _refused("unsupported_grant_type", "grant_type must be client_credentials")
    if form.get("role") not in set(Role):
        return _refused("invalid_request", f"role must be one of {', '.join(Role)}")
    person = find(
        Role(form["role"]), form.get("sub"), org=form.get("org"), authority=form.get("authority"), name=form.get("name")
    )
    granted = {
        "access_token": mint(key, issuer, person),
        "token_type": "Bearer",
        "expires_in": int(LIFETIME.total_seconds()),
    }
    return JSONResponse(granted, headers={"Cache-Control": "no-store"})


def _refused(code: str, description: str) -> JSONResponse:
    """An OAuth error answer (RFC 6749 §5.2)."""
    return JSONResponse({"error": code, "error_description": description}, status_code=400)


def main() -> None:
    issuer = os.environ.get("HAUKIEM_OIDC_ISSUER", "")
    try:
        check_place(os.environ.get("HAUKIEM_ENV"), issuer)
    except RefusedToStart as error:
        sys.exit(str(error))
    key = load_key(Path(os.environ["HAUKIEM_IDENTITY_KEY"]))
    port = int(os.environ["HAUKIEM_SERVICE_PORT"])
    uvicorn.run(create_app(key, issuer), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
