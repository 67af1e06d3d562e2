"""Kafka's jars: each verified, a broken one fetched again, and what is said when the network or the disk fails."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import pytest

from deploy.local import jars
from deploy.local.errors import StackError
from deploy.local.jars import Jar


def _jar(name: str) -> Jar:
    content = f"the jar {name}".encode()
    return Jar("org.example", name, "1.0", hashlib.sha256(content).hexdigest(), len(content))


class Registry:
    """Answers as told, and counts how often it was asked."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, jar: Jar, folder: Path) -> Path:
        self.asked.append(jar.artifact)
        answer = self.answers.pop(0) if self.answers else f"the jar {jar.artifact}".encode()
        if isinstance(answer, Exception):
            raise answer
        file = folder / "fetched.jar"
        file.write_bytes(answer)
        return file


def test_the_lock_names_a_whole_broker_with_sizes_and_hashes() -> None:
    locked = jars.read_lock()
    assert {jar.artifact for jar in locked} >= {"kafka_2.13", "kafka-clients", "log4j-slf4j-impl"}
    assert {jar.version for jar in locked if jar.group == "org.apache.kafka"} == {"4.3.0"}
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in locked)
    assert len({jar.filename for jar in locked}) == len(locked)


def test_missing_jars_are_fetched_and_the_others_are_not(tmp_path: Path) -> None:
    here, absent = _jar("here"), _jar("absent")
    (tmp_path / here.filename).write_bytes(b"the jar here")
    registry, seen = Registry(), []
    files = jars.ensure(lambda *now: seen.append(now), jars=(here, absent), folder=tmp_path, fetch=registry)
    assert registry.asked == ["absent"]
    assert [file.read_bytes() for file in files] == [b"the jar here", b"the jar absent"]
    assert seen == [(1, 2, 0), (2, 2, absent.size)]


@pytest.mark.parametrize("content", [b"", b"the jar x", b"another jar of the same length, or not"])
def test_a_broken_or_half_downloaded_jar_is_fetched_again(tmp_path: Path, content: bytes) -> None:
    jar = _jar("xyz")
    (tmp_path / jar.filename).write_bytes(content)
    jars.ensure(jars=(jar,), folder=tmp_path, fetch=Registry())
    assert (tmp_path / jar.filename).read_bytes() == b"the jar xyz"


def test_a_wrong_download_is_tried_again_and_never_takes_the_name(tmp_path: Path) -> None:
    jar = _jar("xyz")
    jars.ensure(jars=(jar,), folder=tmp_path, fetch=Registry(b"the jar x"))
    assert (tmp_path / jar.filename).read_bytes() == b"the jar xyz"
    other = _jar("other")
    with pytest.raises(StackError, match="never matched the hash"):
        jars.ensure(jars=(other,), folder=tmp_path, fetch=Registry(b"x", b"y", b"z"))
    assert [path.name for path in tmp_path.iterdir()] == [jar.filename]


def test_without_network_one_line_says_so_and_what_is_there_is_kept(tmp_path: Path) -> None:
    here, absent = _jar("here"), _jar("absent")
    (tmp_path / here.filename).write_bytes(b"the jar here")
    registry = Registry(*[ConnectionError("Name or service\nnot known")] * 3)
    with pytest.raises(StackError) as caught:
        jars.ensure(jars=(here, absent), folder=tmp_path, fetch=registry)
    assert caught.value.what == "absent 1.0 could not be downloaded: Name or service not known"
    assert "Check the network" in caught.value.mend
    assert (tmp_path / here.filename).exists()


def test_a_full_disk_is_said_at_once(tmp_path: Path) -> None:
    registry = Registry(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(StackError, match="The disk is full"):
        jars.ensure(jars=(_jar("big"),), folder=tmp_path, fetch=registry)
    assert registry.asked == ["big"]


def test_the_cache_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert jars.cache_folder() == tmp_path / "haukiem"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert jars.cache_folder() == tmp_path / ".cache" / "haukiem"
