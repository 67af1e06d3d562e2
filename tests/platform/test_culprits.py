"""How the record is found with which the engine fails: by ever fewer at a time, tried alone, and never for what may pass."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
import pytest

from services.monitoring.engine.culprits import Culprits, is_of_records
from services.monitoring.engine.lane import Lane
from shared.contracts.errors import Transient

SPOILT = psycopg.DataError("spoilt")


@dataclass(frozen=True)
class Record:
    offset: int
    value: bytes = b""


def run(culprits: Culprits, end: int, bad: set[int], *, most: int = 10_000) -> tuple[list[int], list[int], int]:
    """Take the records up to ``end`` as the engine does: those that were taken, those that were given up, and the rounds it took."""
    taken: list[int] = []
    dead: list[int] = []
    for rounds in range(1, most):
        start = len(taken) + len(dead)
        lane = Lane(0, 1, start, start, None)
        culprits.fetched({0: end})
        try:
            for portion, alone in culprits.portions(lane, [Record(one) for one in range(start, end)]):
                offsets = [one.offset for one in portion]
                if not alone:
                    if bad & set(offsets):
                        raise SPOILT
                    taken += offsets
                    continue
                with culprits.trying(0, portion):
                    given_up = culprits.given_up(0, portion) is not None
                    if not given_up and bad & set(offsets):
                        raise SPOILT
                (dead if given_up else taken).extend(offsets)
            culprits.healthy()
            return taken, dead, rounds
        except psycopg.DataError as error:
            culprits.failed(error, {0: lane})
            if culprits.at_limit():
                return taken, dead, rounds
    raise AssertionError("it never ends")


@pytest.mark.parametrize("bad", [{0}, {999}, {500}, {3, 4}, {10, 300, 301, 998}])
def test_those_alone_are_given_up_and_all_others_taken_in_their_order(bad: set[int]) -> None:
    taken, dead, rounds = run(Culprits(100), 1_000, bad)
    assert set(dead) == bad
    assert taken == sorted(set(range(1_000)) - bad)
    assert rounds <= 1 + 7 * len(bad)


def test_so_many_in_a_row_and_no_more_are_given_up() -> None:
    culprits = Culprits(5)
    taken, dead, _ = run(culprits, 50, set(range(10, 50)))
    assert dead == [10, 11, 12, 13, 14] and taken == list(range(10))
    culprits.healthy()
    assert "5 records in a row" in culprits.at_limit()[0], "others that go on say nothing of it"
    culprits.forget(0)
    assert not culprits.at_limit()


def test_a_good_one_between_shows_that_the_fault_is_not_ours() -> None:
    bad = set(range(0, 40, 2))
    assert set(run(Culprits(5), 40, bad)[1]) == bad


def test_what_may_pass_between_two_tries_begins_the_count_anew() -> None:
    culprits, lane = Culprits(100), Lane(0, 1, 0, 0, None)
    portion = [Record(0)]
    for error in (SPOILT, SPOILT, Transient("away"), SPOILT, SPOILT):
        with pytest.raises(type(error)), culprits.trying(0, portion):
            raise error
        culprits.failed(error, {0: lane})
        assert culprits.given_up(0, portion) is None


@pytest.mark.parametrize(
    ("error", "of_records"),
    [
        (psycopg.errors.UntranslatableCharacter(), True),
        (psycopg.errors.ProgramLimitExceeded(), True),
        (psycopg.errors.CheckViolation(), True),
        (TypeError(), True),
        (psycopg.errors.UndefinedTable(), False),
        (psycopg.errors.DiskFull(), False),
        (psycopg.errors.InsufficientPrivilege(), False),
        (psycopg.errors.InternalError_(), False),
        (psycopg.OperationalError(), False),
        (Transient("away"), False),
        (MemoryError(), False),
        (TimeoutError(), False),
    ],
)
def test_only_what_would_come_again_with_the_record_is_laid_to_it(error: Exception, of_records: bool) -> None:
    assert is_of_records(error) is of_records
