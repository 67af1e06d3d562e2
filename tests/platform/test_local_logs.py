"""Logs do not grow without end, and can be read and followed while they are written."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

from deploy.local.logfiles import KEPT, follow, last_lines, numbered, rotate, show
from deploy.local.processes import tail


def test_a_log_that_has_grown_too_large_moves_on_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    with log.open("ab", buffering=0) as writer:  # as a part holds it
        for generation in range(KEPT + 2):
            writer.write(f"line of generation {generation}\n".encode())
            rotate(log, largest=10)
        writer.write(b"after\n")
    assert log.read_text() == "after\n"
    assert numbered(log, 1).read_text() == f"line of generation {KEPT + 1}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "part.log",
        *(f"part.log.{number}" for number in range(1, KEPT + 1)),
    ]


def test_a_small_or_absent_log_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    rotate(log)
    assert not log.exists()
    log.write_text("short\n")
    rotate(log)
    assert log.read_text() == "short\n"


def test_the_end_of_several_logs_is_shown_under_their_names(tmp_path: Path) -> None:
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    one.write_text("".join(f"{n}\n" for n in range(100)))
    out = io.StringIO()
    show([one, two], lines=2, out=out)
    assert out.getvalue().splitlines() == [f"==> {one} <==", "98", "99", f"==> {two} <=="]
    assert last_lines(two, 5) == []


def test_what_is_appended_is_followed_by_whole_lines_also_after_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    log.write_text("old\n")
    out = io.StringIO()
    contents = iter(["old\nnew\nhal", "old\nnew\nhalf\n", "r\n"])

    def write_next() -> bool:
        content = next(contents, None)
        if content is not None:
            log.write_text(content)
        return content is None

    follow([log], out=out, until=write_next)
    assert out.getvalue().splitlines() == ["new", "half", "r"]


def test_two_writers_of_one_log_do_not_overwrite_each_other(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    with log.open("ab") as first:
        child = subprocess.Popen([sys.executable, "-c", "print('from the child')"], stdout=first)
        assert child.wait(20) == 0
        first.write(b"from the parent\n")
    assert log.read_text() == "from the child\nfrom the parent\n"


def test_the_end_of_a_log_is_readable_also_when_its_lines_are_long_or_hold_exceptions(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    cause = {"exc_type": "KeyError", "exc_value": "'policy.toml'", "frames": [{"locals": "x" * 10_000}]}
    failed = {"event": "service_failed", "level": "critical", "exception": [{"exc_type": "Outer"}, cause]}
    log.write_text(f"{'long ' * 1_000}\n{json.dumps(failed)}\nend\n")
    where, *lines = tail(log).splitlines()
    assert where == f"The end of {log}:"
    assert len(lines[0]) < 310
    assert lines[1:] == ["  critical: service_failed: KeyError: 'policy.toml'", "  end"]
    assert tail(tmp_path / "none.log") == f"Its log {tmp_path / 'none.log'} is empty."
