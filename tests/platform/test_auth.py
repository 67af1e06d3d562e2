"""Bearer tokens: what holds, and each forgery that must not."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa

from shared.contracts.errors import Transient, Unauthenticated
from shared.platform.auth import Principal, Verifier
from tests.platform.issuer import AUDIENCE, Issuer, unsigned


@pytest.fixture(scope="module")
def issuer_once() -> Issuer:
    return Issuer()


@pytest.fixture
def issuer(issuer_once: Issuer) -> Issuer:
    fresh = Issuer.__new__(Issuer)
    fresh.__dict__.update(issuer_once.__dict__, keys=dict(issuer_once.keys), asked=0, away=False, now=1000.0)
    return fresh


@pytest.mark.parametrize("kid", ["rsa", "ec", "ed"])
async def test_a_token_of_the_issuer_names_its_caller(issuer: Issuer, kid: str) -> None:
    token = issuer.token(kid, roles=["officer", "emperor", 7], org="org-1")
    assert await issuer.verifier().verify(token) == Principal(
        "u-1", frozenset({"officer"}), org="org-1", authority="hanoi", name="Lan"
    )


async def test_a_clock_may_be_half_a_minute_off_and_an_audience_one_of_several(issuer: Issuer) -> None:
    now = int(time.time())
    await issuer.verifier().verify(issuer.token(exp=now - 20, nbf=now + 20, aud=["other", AUDIENCE]))


def forged_header(**header: Any) -> Callable[[Issuer], str]:
    """A token signed by a stranger, whose header offers the stranger's own key."""
    return lambda issuer: issuer.token("ec", key=generate_private_key(SECP256R1()), header=header)


FORGERIES: dict[str, Callable[[Issuer], str]] = {
    "none": lambda issuer: unsigned(issuer.claims()),
    "HS256 with the public key": lambda issuer: issuer.signed_with_the_public_key(),
    "a stranger's key": forged_header(),
    "jku": forged_header(jku="https://evil.example/keys"),
    "jwk": forged_header(jwk={"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
    "x5u": forged_header(x5u="https://evil.example/cert"),
    "crit": lambda issuer: issuer.token(header={"crit": ["exp"]}),
    "a key of another type": lambda issuer: issuer.token("rsa", header={"kid": "ec"}),
    "no kid": lambda issuer: issuer.token(header={"kid": ""}),
    "another type": lambda issuer: issuer.token(header={"typ": "logout+jwt"}),
    "expired": lambda issuer: issuer.token(exp=int(time.time()) - 31),
    "no expiry": lambda issuer: issuer.token(exp=None),
    "not yet": lambda issuer: issuer.token(nbf=int(time.time()) + 60),
    "issued in the future": lambda issuer: issuer.token(iat=int(time.time()) + 60),
    "another issuer": lambda issuer: issuer.token(iss="https://id.example.gov.vn/other"),
    "no issuer": lambda issuer: issuer.token(iss=None),
    "another audience": lambda issuer: issuer.token(aud="billing"),
    "no audience": lambda issuer: issuer.token(aud=None),
    "no subject": lambda issuer: issuer.token(sub=None),
    "an identity token": lambda issuer: issuer.token(nonce="n"),
    "an identity token by type": lambda issuer: issuer.token(typ="ID"),
    "roles that are no list": lambda issuer: issuer.token(roles="ops"),
    "too long": lambda issuer: issuer.token(name="x" * 9000),
    "no token": lambda issuer: "",
    "two dots": lambda issuer: "..",
    "not base64": lambda issuer: "é.é.é",
    "a changed claim": lambda issuer: _with_other_claims(issuer),
}


def _with_other_claims(issuer: Issuer) -> str:
    header, _, signature = issuer.token().split(".")
    return ".".join((header, unsigned(issuer.claims(roles=["ops"])).split(".")[1], signature))


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_what_does_not_hold_is_refused(issuer: Issuer, forgery: str) -> None:
    verifier = issuer.verifier()
    await verifier.verify(issuer.token())
    with pytest.raises(Unauthenticated):
        await verifier.verify(FORGERIES[forgery](issuer))


async def test_a_storm_of_unknown_key_ids_costs_the_issuer_one_request_per_cool_down(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    await verifier.verify(issuer.token())

    async def unknown(number: int) -> None:
        with pytest.raises(Unauthenticated):
            await verifier.verify(issuer.token("ec", header={"kid": f"made-up-{number}"}))

    issuer.now += 31
    await asyncio.gather(*(unknown(number) for number in range(50)))
    assert issuer.asked == 2
    issuer.now += 29
    await unknown(99)
    assert issuer.asked == 2


async def test_a_new_key_is_found_and_an_old_one_goes_when_it_is_withdrawn(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    old = issuer.token("ec")
    await verifier.verify(old)
    issuer.keys["new"] = ("ES256", generate_private_key(SECP256R1()))
    del issuer.keys["ec"]
    issuer.now += 31
    assert (await verifier.verify(issuer.token("new"))).sub == "u-1"
    with pytest.raises(Unauthenticated):
        await verifier.verify(old)


async def test_while_the_issuer_is_away_known_keys_hold(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    await verifier.verify(issuer.token())
    issuer.away = True
    issuer.now += 3600
    for _ in range(3):
        assert (await verifier.verify(issuer.token())).sub == "u-1"
        await asyncio.sleep(0)
    assert issuer.asked == 2


async def test_without_any_key_it_is_the_issuer_and_not_the_caller_who_is_at_fault(issuer: Issuer) -> None:
    issuer.away = True
    verifier = issuer.verifier()
    with pytest.raises(Transient):
        await verifier.verify(issuer.token())
    issuer.away = False
    issuer.now += 1
    assert (await verifier.verify(issuer.token())).sub == "u-1"


async def test_a_short_key_and_a_broken_one_are_left_out_and_spoil_no_other(issuer: Issuer) -> None:
    issuer.keys["short"] = ("RS256", generate_rsa(65537, 1024))
    key_set = await issuer.key_set()

    async def spoiled() -> dict[str, Any]:
        return {
            "keys": [
                {"kty": "EC", "kid": "broken", "crv": "P-256"},
                {"kty": "oct", "kid": "s", "k": "AA"},
                *key_set["keys"],
            ]
        }

    issuer.key_set = spoiled  # type: ignore[method-assign]
    verifier = issuer.verifier()
    await verifier.verify(issuer.token("ec"))
    for kid in ("short", "broken", "s"):
        with pytest.raises(Unauthenticated):
            await verifier.verify(issuer.token(kid))


class Site(http.server.BaseHTTPRequestHandler):
    """A web site with a discovery document."""

    pages: ClassVar[dict[str, tuple[int, dict[str, str], Any]]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status, headers, page = self.pages.get(self.path, (404, {}, {}))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(page).encode())

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def site() -> Iterator[str]:
    Site.pages, Site.asked = {}, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


async def test_keys_come_from_the_issuers_discovery_document(issuer: Issuer, site: str) -> None:
    Site.pages = {
        "/.well-known/openid-configuration": (200, {}, {"issuer": site, "jwks_uri": f"{site}/keys"}),
        "/keys": (200, {}, await issuer.key_set()),
    }
    verifier = Verifier(site, AUDIENCE)
    try:
        assert (await verifier.verify(issuer.token(iss=site))).sub == "u-1"
    finally:
        await verifier.close()
    assert Site.asked == ["/.well-known/openid-configuration", "/keys"]


@pytest.mark.parametrize("trick", ["another issuer", "keys elsewhere", "a redirect"])
async def test_keys_from_anywhere_else_are_not_taken(issuer: Issuer, site: str, trick: str) -> None:
    discovery: dict[str, Any] = {"issuer": site, "jwks_uri": f"{site}/keys"}
    keys: tuple[int, dict[str, str], Any] = (200, {}, await issuer.key_set())
    if trick == "another issuer":
        discovery["issuer"] = "https://evil.example"
    elif trick == "keys elsewhere":
        discovery["jwks_uri"] = f"{site}/keys".replace("127.0.0.1", "localhost")
    else:
        Site.pages["/moved"], keys = keys, (302, {"Location": f"{site}/moved"}, {})
    Site.pages |= {"/.well-known/openid-configuration": (200, {}, discovery), "/keys": keys}
    verifier = Verifier(site, AUDIENCE)
    try:
        with pytest.raises(Transient):
            await verifier.verify(issuer.token(iss=site))
    finally:
        await verifier.close()
