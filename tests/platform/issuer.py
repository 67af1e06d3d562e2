"""An issuer for tests: its keys, its tokens, and the forgeries that must not pass."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from shared.platform.auth import Keys, Verifier

ISSUER = "https://id.example.gov.vn"
AUDIENCE = "haukiem"

PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey


class Issuer:
    """Signs tokens with keys of each kind that we accept. ``asked`` counts how often its key set was fetched."""

    def __init__(self) -> None:
        self.keys: dict[str, tuple[str, PrivateKey]] = {
            "rsa": ("RS256", generate_rsa(65537, 2048)),
            "ec": ("ES256", generate_private_key(SECP256R1())),
            "ed": ("EdDSA", Ed25519PrivateKey.generate()),
        }
        self.asked = 0
        self.away = False
        self.now = 1000.0

    async def key_set(self) -> dict[str, Any]:
        self.asked += 1
        if self.away:
            raise OSError("no route to the issuer")
        return {"keys": [{**_public(key), "kid": kid, "use": "sig"} for kid, (_, key) in self.keys.items()]}

    def verifier(self) -> Verifier:
        return Verifier(ISSUER, AUDIENCE, keys=Keys(self.key_set, clock=lambda: self.now))

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": "u-1", "iat": now, "exp": now + 7200,
            "roles": ["officer"], "authority": "hanoi", "name": "Lan",
        }  # fmt: skip
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}

    def token(
        self, kid: str = "ec", *, header: dict[str, Any] | None = None, key: PrivateKey | None = None, **changes: Any
    ) -> str:
        algorithm, own = self.keys.get(kid) or next(iter(self.keys.values()))
        return jwt.encode(
            self.claims(**changes), key or own, algorithm, headers={"kid": kid, "typ": "at+jwt", **(header or {})}
        )

    def signed_with_the_public_key(self) -> str:
        """The classic confusion: HS256, with the RSA public key as the secret (jwt.encode refuses to make it)."""
        secret = self.keys["rsa"][1].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        signed = _part({"alg": "HS256", "typ": "JWT", "kid": "rsa"}) + b"." + _part(self.claims())
        return (signed + b"." + _encoded(hmac.new(secret, signed, hashlib.sha256).digest())).decode()


def _part(value: dict[str, Any]) -> bytes:
    return _encoded(json.dumps(value).encode())


def _encoded(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def _public(key: PrivateKey) -> dict[str, Any]:
    if isinstance(key, RSAPrivateKey):
        return dict(RSAAlgorithm.to_jwk(key.public_key(), as_dict=True))
    if isinstance(key, EllipticCurvePrivateKey):
        return dict(ECAlgorithm.to_jwk(key.public_key(), as_dict=True))
    return dict(OKPAlgorithm.to_jwk(key.public_key(), as_dict=True))


def unsigned(claims: dict[str, Any]) -> str:
    """A token of the algorithm ``none``."""
    return (_part({"alg": "none", "typ": "JWT", "kid": "ec"}) + b"." + _part(claims) + b".").decode()
