"""A command whose reader goes away ends quietly, with the status that a closed pipe gives in a shell."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_WAYS = {
    "click": "typer.echo('line\\n' * 5)",
    "rich": "out().print('line\\n' * 5)",
    "much": "[out().print('line' * 1000) for _ in range(1000)]",
    "plain": "[print('line' * 1000) for _ in range(1000)]",
}
_PROGRAM = """
import sys, typer
from deploy.cli import main
from deploy.cli.session import out
@main.app.command()
def say() -> None:
    sys.stdin.readline()
    {way}
sys.argv = ["haukiem", "say"]
main.main()
"""


def ended(way: str, *, reader: bool, unbuffered: str = "") -> tuple[int, bytes, bytes]:
    """Status, output and complaints of a command that speaks after its reader has gone, or while it is there."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(way=_WAYS[way])],
        stdin=subprocess.PIPE,
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    os.close(writing)
    assert process.stdin is not None and process.stderr is not None
    said = b""
    if not reader:
        os.close(reading)
    process.stdin.write(b"now\n")
    process.stdin.close()
    if reader:
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
    complaints = process.stderr.read()
    process.stderr.close()
    return process.wait(60), said, complaints


@pytest.mark.parametrize(
    ("way", "unbuffered"), [("click", ""), ("click", "1"), ("rich", ""), ("much", ""), ("plain", ""), ("plain", "1")]
)
def test_a_reader_that_has_gone_is_no_failure(way: str, unbuffered: str) -> None:
    assert ended(way, reader=False, unbuffered=unbuffered) == (141, b"", b"")


def test_a_reader_that_stays_gets_everything() -> None:
    status, said, complaints = ended("rich", reader=True)
    assert (status, said.count(b"line"), complaints) == (0, 5, b"")
