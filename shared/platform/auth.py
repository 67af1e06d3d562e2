"""Who calls: OIDC bearer tokens (RFC 9068 in spirit), verified against the keys of the one configured issuer.

Keys come from the issuer's discovery document alone: what a token says of keys (``jku``, ``jwk``, ``x5u``) is never followed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shared.contracts.errors import Transient, Unauthenticated
from shared.platform.settings import LOOPBACK

log = structlog.get_logger(__name__)

ROLES = frozenset({"startup", "officer", "supervisor", "auditor", "ops"})
ALGORITHMS = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
"""The signatures that we accept, each with the type of key that makes it. Never ``none``, never a shared secret."""
TOKEN_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
LEEWAY_SECONDS = 30
MAX_TOKEN = 8192
_MAX_DOCUMENT = 1_000_000


@dataclass(frozen=True)
class Principal:
    """Who calls, as the issuer says. ``org`` is a startup's enterprise, ``authority`` an officer's or supervisor's office."""

    sub: str
    roles: frozenset[str]
    org: str | None = None
    authority: str | None = None
    name: str | None = None


class Keys:
    """The issuer's signing keys by id: fetched once at a time, kept while the issuer is away, asked for anew at most every cool-down.

    ``fetch`` gives a key set (RFC 7517) or raises. A key id that is not known asks for one refresh; after it, and during the cool-down,
    it is unknown: a storm of made-up ids costs the issuer one request.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[dict[str, Any]]],
        *,
        cool_down: float = 30.0,
        max_age: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._cool_down = cool_down
        self._max_age = max_age
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._turn = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None

    async def get(self, kid: str) -> jwt.PyJWK | None:
        """The key of this id, or None. Raises ``Transient`` when no key at all could ever be had."""
        if kid not in self._keys:
            async with self._turn:
                if kid not in self._keys and self._may_try():
                    await self._refresh()
        elif self._is_old() and self._may_try() and (self._refreshing is None or self._refreshing.done()):
            # Who asks is not kept waiting: the old keys hold until new ones are here, and a key withdrawn goes then.
            self._refreshing = asyncio.create_task(self._refresh())
        if not self._keys:
            raise Transient("the issuer's keys cannot be had")
        return self._keys.get(kid)

    def _is_old(self) -> bool:
        return self._fetched_at is None or self._clock() - self._fetched_at > self._max_age

    def _may_try(self) -> bool:
        pause = self._cool_down if self._keys else min(1.0, self._cool_down)
        return self._tried_at is None or self._clock() - self._tried_at >= pause

    async def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            document = await self._fetch()
            keys = {key.key_id: key for key in _usable(document) if key.key_id}
        except Exception as error:  # whatever the issuer sends must not stop those whose key is known
            log.warning("issuer_keys_not_fetched", error=f"{type(error).__name__}: {error}")
            return
        if keys:
            self._keys = keys
            self._fetched_at = self._clock()


class Verifier:
    """Verifies bearer tokens of one issuer for one audience."""

    def __init__(self, issuer: str, audience: str, *, keys: Keys | None = None) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys or Keys(self._fetch_keys)
        self._http: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Nothing is fetched before the first token: an issuer that is away delays sign-in, not the start."""

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def verify(self, token: str) -> Principal:
        """The caller that ``token`` names. Raises ``Unauthenticated`` when it does not hold, ``Transient`` when no key could be had."""
        if len(token) > MAX_TOKEN:
            raise Unauthenticated("the token is too long")
        try:
            header = jwt.get_unverified_header(token)
            algorithm = _algorithm(header)
            key = await self._keys.get(_kid(header))
            if key is None or key.key_type != ALGORITHMS[algorithm]:
                raise Unauthenticated("no key of the issuer fits the token")
            # The signature is checked before any claim is looked at.
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"], "verify_nbf": True, "verify_iat": True},
            )
        except jwt.PyJWTError as error:
            raise Unauthenticated(f"{type(error).__name__}: {error}") from error
        return _principal(claims)

    async def _fetch_keys(self) -> dict[str, Any]:
        discovery = await self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if discovery.get("issuer") != self._issuer:
            raise ValueError(f"the discovery document is of {discovery.get('issuer')!r}")
        address = urlsplit(discovery["jwks_uri"])
        issuer = urlsplit(self._issuer)
        if address.scheme != "https" and (address.scheme, address.hostname) != (issuer.scheme, issuer.hostname):
            raise ValueError("jwks_uri is neither https nor on the issuer's own host")
        return await self._get(discovery["jwks_uri"])

    async def _get(self, address: str) -> dict[str, Any]:
        if self._http is None:
            on_this_machine = urlsplit(self._issuer).hostname in LOOPBACK
            self._http = httpx.AsyncClient(timeout=5.0, follow_redirects=False, trust_env=not on_this_machine)
        response = await self._http.get(address, headers={"Accept": "application/json"})
        response.raise_for_status()
        if response.status_code != 200 or len(response.content) > _MAX_DOCUMENT:
            raise ValueError(f"{address} answered {response.status_code} with {len(response.content)} bytes")
        document = response.json()
        if not isinstance(document, dict):
            raise ValueError(f"{address} is not a JSON object")
        return document


def _usable(document: dict[str, Any]) -> list[jwt.PyJWK]:
    """The public signing keys of a key set that make a signature we accept; others are left out, a broken one spoils no other."""
    keys = []
    for entry in document["keys"]:
        if entry.get("use", "sig") != "sig" or entry.get("kty") not in ALGORITHMS.values():
            continue
        try:
            key = jwt.PyJWK.from_dict(entry)
        except jwt.PyJWTError as error:
            log.warning("issuer_key_unusable", kid=str(entry.get("kid")), error=str(error))
            continue
        if isinstance(key.key, RSAPublicKey) and key.key.key_size < 2048:
            log.warning("issuer_key_too_short", kid=str(entry.get("kid")))
            continue
        keys.append(key)
    return keys


def _algorithm(header: dict[str, Any]) -> str:
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise Unauthenticated(f"the algorithm {algorithm!r} is not accepted")
    if str(header.get("typ", "jwt")).lower() not in TOKEN_TYPES:
        raise Unauthenticated(f"the token's type is {header.get('typ')!r}")
    if "crit" in header:
        raise Unauthenticated("the token demands extensions that we do not know")
    return str(algorithm)


def _kid(header: dict[str, Any]) -> str:
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= 200:
        raise Unauthenticated("the token names no key")
    return kid


def _principal(claims: dict[str, Any]) -> Principal:
    # An identity token (OpenID Connect Core, 2) is for the client that asked for it, not for an API.
    if str(claims.get("typ", "Bearer")).lower() not in ("bearer", "at+jwt") or "nonce" in claims or "at_hash" in claims:
        raise Unauthenticated("an identity token is no access token")
    roles = claims.get("roles", [])
    if not isinstance(roles, list):
        raise Unauthenticated("the claim roles is not a list")
    return Principal(
        sub=str(claims["sub"]),
        roles=ROLES.intersection(role for role in roles if isinstance(role, str)),
        org=_text(claims, "org"),
        authority=_text(claims, "authority"),
        name=_text(claims, "name"),
    )


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= 200 else None
