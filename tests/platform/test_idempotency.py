"""``Idempotency-Key``, on real PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from shared.contracts.errors import Refused
from shared.platform.db import Database
from shared.platform.idempotency import Answer, Once


class Counter:
    def __init__(self, *, fail: int = 0) -> None:
        self.done = 0
        self.fail = fail

    async def work(self) -> Answer:
        await asyncio.sleep(0.05)
        if self.fail > 0:
            self.fail -= 1
            raise Refused("unavailable")
        self.done += 1
        return Answer(201, f'{{"number": {self.done}}}'.encode())


async def post(db: Database, counter: Counter, key: str = "k", body: str = "a", caller: str = "org-1") -> Answer:
    async with db.tx() as tx:
        return await Once(key, body).run(tx, caller=caller, action="applications.submit", work=counter.work)


async def test_the_same_key_and_body_give_the_same_answer_and_one_effect(db: Database) -> None:
    counter = Counter()
    first, second = await post(db, counter), await post(db, counter)
    assert (first.status, first.body, first.replayed) == (201, b'{"number": 1}', False)
    assert (second.status, second.body, second.replayed) == (201, b'{"number": 1}', True)
    assert counter.done == 1
    assert second.response().headers["idempotency-replayed"] == "true"


async def test_the_same_key_with_another_body_is_refused(db: Database) -> None:
    counter = Counter()
    await post(db, counter, body="a")
    with pytest.raises(Refused) as refused:
        await post(db, counter, body="b")
    assert (refused.value.status, refused.value.code, counter.done) == (409, "idempotency_key_reused", 1)


async def test_keys_are_each_callers_own(db: Database) -> None:
    counter = Counter()
    await post(db, counter, caller="org-1")
    answer = await post(db, counter, caller="org-2", body="b")
    assert (answer.replayed, counter.done) == (False, 2)


async def test_of_many_at_once_one_works_and_the_others_wait_for_its_answer(db: Database) -> None:
    counter = Counter()
    answers = await asyncio.gather(*(post(db, counter) for _ in range(8)))
    assert {answer.body for answer in answers} == {b'{"number": 1}'}
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 7
    assert counter.done == 1


async def test_when_the_first_is_refused_the_one_that_waited_works(db: Database) -> None:
    counter = Counter(fail=1)
    results = await asyncio.gather(*(post(db, counter) for _ in range(3)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, Refused)]
    answers = [result for result in results if isinstance(result, Answer)]
    assert (len(refused), len(answers), counter.done) == (1, 2, 1)
