"""Kafka's jars: a locked list, fetched once into the user's cache, every hash verified."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import StackError, explain_os_error

LOCK = Path(__file__).with_name("kafka-jars.lock")
AT_ONCE = 8
_TRIES = 3


@dataclass(frozen=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def filename(self) -> str:
        """Unique in the cache: artifacts of two groups may have the same name."""
        return f"{self.group}-{self.artifact}-{self.version}.jar"


Fetch = Callable[[Jar, Path], Path]
"""Fetches a jar into a folder and returns the file. Raises any exception when it cannot."""
Progress = Callable[[int, int, int], None]
"""Called with jars ready, jars in all, and bytes fetched so far."""


def cache_folder() -> Path:
    """Where downloads are kept for all clones of this user: ``$XDG_CACHE_HOME/haukiem`` or ``~/.cache/haukiem``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "haukiem"


def read_lock(path: Path = LOCK) -> tuple[Jar, ...]:
    """The locked list. Each line is ``group:artifact:version sha256:<hex> <bytes>``."""
    jars = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            coordinates, digest, size = line.split()
            group, artifact, version = coordinates.split(":")
            jars.append(Jar(group, artifact, version, digest.removeprefix("sha256:"), int(size)))
    return tuple(jars)


def missing(jars: Iterable[Jar], folder: Path) -> list[Jar]:
    """The jars that are absent, half-downloaded or not what the lock says."""
    return [jar for jar in jars if not _is_intact(folder / jar.filename, jar)]


def ensure(
    progress: Progress = lambda ready, total, fetched: None,
    *,
    jars: tuple[Jar, ...] | None = None,
    folder: Path | None = None,
    fetch: Fetch | None = None,
) -> tuple[Path, ...]:
    """The locked jars, as files of the cache; those missing are fetched, eight at a time.

    A file takes its name only once its hash is right, so that an interrupted download never counts.
    Raises :class:`StackError` when the network or the disk fails, or when what was fetched is not what the lock says.
    """
    wanted = read_lock() if jars is None else jars
    target = cache_folder() / "jars" if folder is None else folder
    try:
        target.mkdir(parents=True, exist_ok=True)
        absent = missing(wanted, target)
        if absent:
            _fetch_all(absent, len(wanted), target, fetch or fetch_with_jgo, progress)
    except OSError as error:
        raise explain_os_error(error, "keeping Kafka's jars") from error
    return tuple(target / jar.filename for jar in wanted)


def _fetch_all(absent: list[Jar], total: int, folder: Path, fetch: Fetch, progress: Progress) -> None:
    fetched = 0
    progress(total - len(absent), total, fetched)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        work = {pool.submit(_fetch_one, jar, folder, fetch): jar for jar in absent}
        try:
            for done, future in enumerate(as_completed(work), start=1):
                future.result()
                fetched += work[future].size
                progress(total - len(absent) + done, total, fetched)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch_one(jar: Jar, folder: Path, fetch: Fetch) -> None:
    """Each try starts from an empty folder of its own: a broken download is never taken up again."""
    for attempt in range(1, _TRIES + 1):
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as scratch:
            try:
                file = fetch(jar, Path(scratch))
            except Exception as error:
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES):
                    raise
                if attempt == _TRIES:
                    raise StackError(
                        f"{jar.artifact} {jar.version} could not be downloaded: {_one_line(error)}",
                        f"Check the network, then try again; what is there already is kept in {folder}.",
                    ) from error
                continue
            if _is_intact(file, jar):
                file.replace(folder / jar.filename)
                return
    raise StackError(
        f"{jar.artifact} {jar.version} was downloaded {_TRIES} times and never matched the hash in {LOCK.name}.",
        "The registry or a proxy in between gives another file than the locked one.",
    )


def fetch_with_jgo(jar: Jar, folder: Path) -> Path:
    """By jgo, as a downloader only: its resolver of dependencies plays no part."""
    from jgo.maven import MavenContext

    # Its HTTP library knows only a variable of its own for the machine's certificates.
    if certificates := os.environ.get("SSL_CERT_FILE"):
        os.environ.setdefault("REQUESTS_CA_BUNDLE", certificates)
    context = MavenContext(repo_cache=folder, timeout=60)
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    return Path(artifact.resolve())


def print_progress(ready: int, total: int, fetched: int) -> None:
    """One line that rewrites itself on a terminal; every tenth jar elsewhere."""
    text = f"Kafka's jars: {ready} of {total}, {fetched / 1e6:.0f} MB fetched"
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{text[:width]:<{width}}", end="\n" if ready == total else "", file=sys.stderr, flush=True)
    elif ready == total or ready % 10 == 0:
        print(text, file=sys.stderr, flush=True)


def _is_intact(path: Path, jar: Jar) -> bool:
    try:
        if path.stat().st_size != jar.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
