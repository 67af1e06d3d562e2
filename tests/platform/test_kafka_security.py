"""How a process shows Kafka who it is: what the settings take and refuse, what each client is told, and one broker that checks."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from faststream.kafka.security import parse_security
from pydantic import ValidationError

from deploy.cli.eventlog import event_log
from deploy.cli.failing import Failure
from deploy.cli.site import site_named, url_variable
from deploy.local.instance import SERVICES
from deploy.local.kafka import KafkaCluster, new_cluster_id
from deploy.local.ports import free_port
from deploy.local.testing import KafkaHandle
from deploy.local.topics import Wanted, ensure_topics
from shared.client import Unreachable
from shared.contracts.errors import Transient
from shared.platform.bus import Consumer
from shared.platform.kafka import Kafka
from shared.platform.kafka_security import KafkaSecurity, KafkaSettings
from shared.platform.metrics import Metrics
from tests.platform.garden import QUICK, Garden, Planted, eventually, planted, record_of, running
from tests.platform.test_small_parts import settings

SASL = {"SECURITY": "sasl_ssl", "SASL_USER": "monitoring", "SASL_PASSWORD": "hunter2"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A key, its certificate for this machine, which is also who signed it, and both in one file as Kafka reads them."""
    folder = tmp_path_factory.mktemp("certificates")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    ).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for name_, content in (("ca", certificate), ("key", secret), ("both", secret + certificate)):
        (folder / f"{name_}.pem").write_bytes(content)
    (folder / "password").write_text("hunter3\n")
    return {"CA_FILE": folder / "ca.pem", "KEY_FILE": folder / "key.pem", "both": folder / "both.pem"} | {
        "CERT_FILE": folder / "ca.pem",
        "SASL_PASSWORD_FILE": folder / "password",
    }


def read(monkeypatch: pytest.MonkeyPatch, **changes: str | Path) -> KafkaSecurity:
    """What the environment says, ``changes`` without ``HAUKIEM_KAFKA_``."""
    for name in [name for name in os.environ if name.startswith("HAUKIEM_")]:
        monkeypatch.delenv(name)
    for name, value in changes.items():
        monkeypatch.setenv(f"HAUKIEM_KAFKA_{name}", str(value))
    return KafkaSettings().security_of_kafka()


@pytest.mark.parametrize("protocol", ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_both_clients_are_told_the_same(monkeypatch: pytest.MonkeyPatch, protocol: str, mechanism: str) -> None:
    """aiokafka by its options, FastStream by its own classes: for each protocol and mechanism."""
    sasl = protocol.startswith("sasl")
    who: dict[str, str] = (
        {"SASL_USER": "monitoring", "SASL_PASSWORD": "hunter2", "SASL_MECHANISM": mechanism} if sasl else {}
    )
    security = read(monkeypatch, SECURITY=protocol, **who)
    options = security.options()
    assert options["security_protocol"] == protocol.upper()
    assert (options["ssl_context"] is not None) == protocol.endswith("ssl")
    assert options.get("sasl_mechanism") == (mechanism if sasl else None)
    assert options.get("sasl_plain_password") == ("hunter2" if sasl else None)
    assert parse_security(security.of_broker()) == options


def test_nothing_said_is_plaintext_and_that_is_for_the_local_stack_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch) == KafkaSecurity()
    monkeypatch.undo()
    for said in ("plaintext", "ssl"):
        assert settings(monkeypatch, KAFKA_SECURITY=said).kafka_security == said
    local = {"ENV": "local", "OIDC_ISSUER": "http://127.0.0.1:9"}
    with pytest.raises(ValidationError, match="HAUKIEM_KAFKA_SECURITY is missing"):
        settings(monkeypatch, without="HAUKIEM_KAFKA_SECURITY")
    assert settings(monkeypatch, without="HAUKIEM_KAFKA_SECURITY", **local).kafka_security is None


def test_brokers_are_checked_by_their_names_and_who_signed_them(
    monkeypatch: pytest.MonkeyPatch, files: dict[str, Path]
) -> None:
    own = {name: files[name] for name in ("CA_FILE", "CERT_FILE", "KEY_FILE")}
    context = read(monkeypatch, SECURITY="ssl", **own).context
    assert context is not None and context.check_hostname and context.verify_mode == ssl.CERT_REQUIRED
    assert [known["subject"] for known in context.get_ca_certs()] == [((("commonName", "broker"),),)]


def test_a_password_may_stand_in_a_file_and_is_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, files: dict[str, Path]
) -> None:
    path = files["SASL_PASSWORD_FILE"]
    security = read(monkeypatch, SECURITY="sasl_ssl", SASL_USER="monitoring", SASL_PASSWORD_FILE=path)
    assert (security.mechanism, security.password) == ("SCRAM-SHA-512", "hunter3")
    read(monkeypatch, **SASL)
    assert "hunter" not in f"{security!r} {KafkaSettings()!r}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SECURITY": "tls"}, "plaintext"),
        ({"SECURITY": "ssl", "CA_FILE": "/nowhere/ca.pem"}, "no file /nowhere/ca.pem"),
        ({"SECURITY": "ssl", "CERT_FILE": __file__}, "belong together"),
        ({"SECURITY": "ssl", "KEY_FILE": __file__}, "belong together"),
        ({"SECURITY": "sasl_plaintext", "CA_FILE": __file__}, "neither ssl nor sasl_ssl"),
        ({"CA_FILE": __file__}, "neither ssl nor sasl_ssl"),
        ({**SASL, "SECURITY": "ssl"}, "neither sasl_plaintext nor sasl_ssl"),
        ({"SASL_PASSWORD": "hunter2"}, "neither sasl_plaintext nor sasl_ssl"),
        ({"SECURITY": "sasl_ssl", "SASL_PASSWORD": "hunter2"}, "SASL_USER is missing"),
        ({"SECURITY": "sasl_ssl", "SASL_USER": "monitoring"}, "give either"),
        ({**SASL, "SASL_PASSWORD_FILE": __file__}, "give either"),
        ({"SECURITY": "sasl_ssl", "SASL_USER": "x", "SASL_PASSWORD_FILE": "/nowhere/password"}, "no file"),
        ({**SASL, "SASL_MECHANISM": "GSSAPI"}, "SCRAM-SHA-512"),
    ],
)
def test_what_is_not_whole_or_not_used_is_refused(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], words: str
) -> None:
    """A password that no protocol uses means that somebody thinks himself safe."""
    with pytest.raises(ValidationError, match=words) as refused:
        read(monkeypatch, **changes)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("changes", [{"SECURITY": "sasl_ssl"}, {"SECURITY": "ssl", "CA_FILE": __file__}])
def test_the_command_line_says_what_is_wrong_with_the_way_to_kafka(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str]
) -> None:
    urls = {url_variable(service): "http://127.0.0.1:1" for service in SERVICES}
    read(monkeypatch)
    monkeypatch.setenv("HAUKIEM_KAFKA_SECURITY", "no part of what is asked about")
    given = {**urls, **{f"HAUKIEM_KAFKA_{name}": value for name, value in changes.items()}}
    assert site_named(None, given).security is None
    with pytest.raises(Failure) as failed:
        site_named(None, {**given, "HAUKIEM_KAFKA": "kafka:9092"})
    assert failed.value.code == 2 and ("SASL_USER" in str(failed.value) or "cannot be read" in str(failed.value))


def test_the_way_to_kafka_is_that_of_the_environment_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = {url_variable(service): "http://127.0.0.1:1" for service in SERVICES}
    read(monkeypatch, SECURITY="sasl_plaintext", SASL_USER="of-this-process", SASL_PASSWORD="x")
    assert site_named(None, {**urls, "HAUKIEM_KAFKA": "kafka:9092"}).security == KafkaSecurity()


# --- a broker that checks --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """A broker with a second listener that takes ``monitoring`` with its password over TLS: the open address and the guarded one."""
    folder = tmp_path_factory.mktemp("guarded")
    port = free_port()
    control = free_port({port})
    sasl = free_port({port, control})
    host = "127.0.0.1"
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    more = {
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://{host}:{control},GUARDED://{host}:{sasl}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port},GUARDED://{host}:{sasl}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_SSL",
        "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.guarded.plain.sasl.jaas.config": f'{login} user_monitoring="hunter2";',
        "listener.name.guarded.ssl.keystore.type": "PEM",
        "listener.name.guarded.ssl.keystore.location": str(files["both"]),
    }
    cluster = KafkaCluster(
        folder / "kafka", new_cluster_id(), (port,), (control,), folder / "logs", quick=True, more=more
    )
    handle = KafkaHandle(cluster, f"{folder}#kafka")
    try:
        handle.start()
        handle.wait()
        yield handle.bootstrap, f"{host}:{sasl}"
    finally:
        handle.kill()


async def test_a_process_that_says_who_it_is_works_and_another_does_not(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    files: dict[str, Path],
    guarded: tuple[str, str],
    garden: Garden,
) -> None:
    """All that a service does with Kafka: questions, sending, a consumer of FastStream's; and the command line's log."""
    open_address, address = guarded
    topic = f"trees-{uuid4().hex[:8]}"
    await ensure_topics(open_address, [Wanted(topic, 1, -1)])
    known: dict[str, str | Path] = {**SASL, "SASL_MECHANISM": "PLAIN", "CA_FILE": files["CA_FILE"]}
    kafka = Kafka(address, client_id="test", security=read(monkeypatch, **known))
    assert await kafka.end_offsets([topic]) == {(topic, 0): 0}
    consumer = Consumer(
        garden.db,
        kafka,
        f"garden-{uuid4().hex[:8]}",
        {topic: {Planted: garden.on_planted}},
        Metrics("test"),
        policy=QUICK,
    )
    tree = planted()
    producer = kafka.producer()
    await producer.start()
    try:
        async with running(consumer):
            await producer.send_and_wait(topic, **record_of(tree))

            async def heard() -> bool:
                return garden.handled == [f"planted {tree.pilot_id}"]

            await eventually(heard)
    finally:
        await producer.stop()
        await kafka.close()
    for wrong in ({"SASL_PASSWORD": "hunter3"}, {"SECURITY": "sasl_ssl", "SASL_USER": "applications"}):
        stranger = Kafka(address, client_id="stranger", security=read(monkeypatch, **(known | wrong)))
        caplog.clear()
        with pytest.raises(Transient):
            await stranger.ping()
        assert "SaslAuthenticationFailed" in caplog.text
        await stranger.close()
    unsigned = {name: value for name, value in known.items() if name != "CA_FILE"}
    trusting = Kafka(address, client_id="trusting", security=read(monkeypatch, **unsigned))
    caplog.clear()
    with pytest.raises(Transient):
        await trusting.ping()
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text
    await trusting.close()
    async with event_log(address, kafka.security) as log:
        assert log is not None
    with pytest.raises(Unreachable):
        async with event_log(address, KafkaSecurity()):
            pass
