"""Servers that all tests share. Each is started when a test first asks for it, once for all processes of the test run. And whose work
counts as covering the cores."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import coverage
import pytest
import structlog

from deploy.local.testing import create_database, drop_database, shared_server

CORE_TESTS = Path(__file__).parent / "core"

# A trace as Python writes it: to draw one with the values of all variables takes seconds.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure coverage, where it is asked for, in the tests of the cores alone: what a journey happens to pass through is not proved, and
    a tracer would slow the rest."""
    measuring = coverage.Coverage.current()
    if measuring is None or CORE_TESTS in item.path.parents:
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()


@pytest.fixture(scope="session")
def postgres_admin_dsn() -> Iterator[str]:
    """A real PostgreSQL, as its administrator. Make databases of your own on it (see ``fresh_database``); roles are shared by all tests."""
    with shared_server("postgres") as dsn:
        yield dsn


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """A real Kafka broker. Topics and groups need unique names: every test process of this checkout uses the same broker."""
    with shared_server("kafka") as bootstrap:
        yield bootstrap


@pytest.fixture
def fresh_database(postgres_admin_dsn: str) -> Iterator[str]:
    """The DSN of a new, empty database, dropped after the test."""
    dsn = create_database(postgres_admin_dsn)
    yield dsn
    drop_database(postgres_admin_dsn, dsn)
