"""The issuer's signing key, and access tokens made with it (RFC 9068)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deploy.identity.people import Person

ALGORITHM = "ES256"
AUDIENCE = "haukiem"
LIFETIME = timedelta(hours=8)


@dataclass(frozen=True)
class SigningKey:
    """A P-256 key; ``kid`` is its RFC 7638 thumbprint, so that the same key has the same name everywhere."""

    private: ec.EllipticCurvePrivateKey

    @property
    def jwk(self) -> dict[str, Any]:
        """The public half, as it stands in the issuer's key set."""
        public = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        essential = {name: public[name] for name in ("crv", "kty", "x", "y")}
        digest = hashlib.sha256(json.dumps(essential, sort_keys=True, separators=(",", ":")).encode()).digest()
        kid = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return {**essential, "kid": kid, "use": "sig", "alg": ALGORITHM}


def load_key(path: Path) -> SigningKey:
    """The key kept in ``path`` (readable by its owner alone), made when there is none. Two that make it at once get the same."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{uuid4().hex}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(
                ec.generate_private_key(ec.SECP256R1()).private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds no elliptic-curve key")
    return SigningKey(private)


def mint(
    key: SigningKey,
    issuer: str,
    person: Person,
    *,
    audience: str = AUDIENCE,
    lifetime: timedelta = LIFETIME,
    now: datetime | None = None,
) -> str:
    """A signed access token for ``person``, valid from ``now`` (wall time) for ``lifetime``."""
    issued = now or datetime.now(UTC)
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": person.sub,
        "aud": audience,
        "client_id": "haukiem-local",
        "iat": issued,
        "nbf": issued,
        "exp": issued + lifetime,
        "jti": uuid4().hex,
        "roles": [person.role.value],
        "name": person.name,
    }
    if person.org is not None:
        claims["org"] = person.org
    if person.authority is not None:
        claims["authority"] = person.authority
    return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.jwk["kid"], "typ": "at+jwt"})
