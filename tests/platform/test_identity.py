"""The development issuer: its tokens hold, its documents agree with each other, and it runs nowhere but in the local stack."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from deploy.identity.main import RefusedToStart, check_place, create_app
from deploy.identity.people import PEOPLE, Person, find
from deploy.identity.tokens import AUDIENCE, SigningKey, load_key, mint
from shared.contracts.access.rule import Role

ISSUER = "http://127.0.0.1:18080"


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return load_key(tmp_path / "key.pem")


@pytest.fixture
def client(key: SigningKey) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(key, ISSUER)), base_url=ISSUER)


def _verified(token: str, jwk: dict[str, str]) -> dict[str, object]:
    public = jwt.PyJWK.from_dict(jwk).key
    return dict(jwt.decode(token, public, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER))


def test_a_token_says_who_calls_and_for_whom(key: SigningKey) -> None:
    officer = Person("lan", "Nguyễn Thị Lan", Role.OFFICER, authority="prov_79_culture")
    before = datetime.now(UTC).replace(microsecond=0)
    token = mint(key, ISSUER, officer, lifetime=timedelta(minutes=5))
    claims = _verified(token, key.jwk)
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "typ": "at+jwt", "kid": key.jwk["kid"]}
    assert (claims["sub"], claims["roles"], claims["authority"]) == ("lan", ["officer"], "prov_79_culture")
    assert claims["name"] == "Nguyễn Thị Lan"
    assert "org" not in claims
    issued = claims["iat"]
    assert isinstance(issued, int)
    assert issued >= before.timestamp()
    assert claims["nbf"] == issued
    assert claims["exp"] == issued + 300


def test_two_tokens_of_one_person_differ(key: SigningKey) -> None:
    person = PEOPLE[0]
    now = datetime.now(UTC)
    first, second = (_verified(mint(key, ISSUER, person, now=now), key.jwk) for _ in range(2))
    assert first["jti"] != second["jti"]


async def test_the_token_endpoint_and_the_key_set_agree(client: httpx.AsyncClient) -> None:
    discovery = (await client.get("/.well-known/openid-configuration")).json()
    assert discovery["issuer"] == ISSUER
    form = {"grant_type": "client_credentials", "role": "startup", "org": "0101010101"}
    answer = await client.post(discovery["token_endpoint"], data=form)
    assert answer.headers["cache-control"] == "no-store"
    (jwk,) = (await client.get(discovery["jwks_uri"])).json()["keys"]
    claims = _verified(answer.json()["access_token"], jwk)
    assert (claims["roles"], claims["org"]) == (["startup"], "0101010101")
    assert "d" not in jwk


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password", "role": "officer"}, "unsupported_grant_type"),
        ({"role": "officer"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "role": "king"}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "invalid_request"),
    ],
)
async def test_a_request_that_names_no_grant_or_role_is_refused(
    client: httpx.AsyncClient, form: dict[str, str], error: str
) -> None:
    answer = await client.post("/token", data=form)
    assert answer.status_code == 400
    assert answer.json()["error"] == error


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "identity" / "key.pem"
    with ThreadPoolExecutor(8) as pool:
        names = {key.jwk["kid"] for key in pool.map(load_key, [path] * 8)}
    assert len(names) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["key.pem"]
    assert isinstance(load_key(path).private.curve, ec.SECP256R1)


@pytest.mark.parametrize(
    ("env", "issuer"),
    [("production", ISSUER), (None, ISSUER), ("", ISSUER), ("local", "https://id.example.vn"), ("local", "")],
)
def test_it_refuses_any_place_but_the_local_stack(env: str | None, issuer: str) -> None:
    with pytest.raises(RefusedToStart):
        check_place(env, issuer)


def test_its_process_ends_at_once_in_production(tmp_path: Path) -> None:
    env = {
        **os.environ,
        "HAUKIEM_ENV": "production",
        "HAUKIEM_OIDC_ISSUER": ISSUER,
        "HAUKIEM_IDENTITY_KEY": str(tmp_path / "key.pem"),
        "HAUKIEM_SERVICE_PORT": "0",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.identity.main"], env=env, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert "HAUKIEM_ENV=local" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "key.pem").exists()


def test_every_role_has_somebody_and_an_office_has_the_people_for_four_eyes() -> None:
    assert {person.role for person in PEOPLE} == set(Role)
    assert len({person.sub for person in PEOPLE}) == len(PEOPLE)
    for office in {person.authority for person in PEOPLE if person.authority}:
        roles = [person.role for person in PEOPLE if person.authority == office]
        assert roles.count(Role.OFFICER) >= 2
        assert Role.SUPERVISOR in roles


def test_a_person_is_found_by_what_is_asked_or_else_made() -> None:
    assert find(Role.OFFICER).sub == "lan"
    assert find(Role.OFFICER, authority="prov_01_culture").sub == "tuan"
    assert find(Role.OFFICER, "minh").authority == "prov_79_culture"
    made = find(Role.STARTUP, "show-1", org="0312345671", name="Công ty Sân khấu Chicago")
    assert made == Person("show-1", "Công ty Sân khấu Chicago", Role.STARTUP, org="0312345671")
    # A known person asked for with another office is another person: claims are never mixed.
    assert find(Role.OFFICER, "lan", authority="prov_01_culture").authority == "prov_01_culture"


async def test_the_list_of_people_is_there_for_all_to_see(client: httpx.AsyncClient) -> None:
    assert {person["sub"] for person in (await client.get("/people")).json()} == {person.sub for person in PEOPLE}
