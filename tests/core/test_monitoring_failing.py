"""A defect of ours is known by the pilot on which it shows."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.monitoring.core.failing import About, JudgingFailed


def test_what_raises_about_a_pilot_says_of_which_and_at_what() -> None:
    pilot = uuid4()
    with (
        pytest.raises(JudgingFailed, match=f"firing a clock of pilot {pilot}") as caught,
        About(pilot, "firing a clock"),
    ):
        raise ZeroDivisionError("a defect")
    assert caught.value.pilot_id == pilot
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_the_innermost_says_it() -> None:
    inner, outer = uuid4(), uuid4()
    with pytest.raises(JudgingFailed) as caught, About(outer, "judging"), About(inner, "reading"):
        raise ZeroDivisionError
    assert (caught.value.pilot_id, caught.value.doing) == (inner, "reading")


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_what_says_nothing_of_a_pilot_passes_unchanged(error: type[BaseException]) -> None:
    with pytest.raises(error), About(uuid4(), "judging"):
        raise error


def test_where_nothing_raises_nothing_happens() -> None:
    with About(uuid4(), "judging"):
        pass
