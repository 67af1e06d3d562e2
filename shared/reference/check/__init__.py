"""Whether the rows of the reference files agree with each other: no gap, no overlap, no code that nothing knows, no amount from nowhere.

Each check yields sentences that name file and row. All run, so that whoever edits the files mends everything in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from shared.reference.check import rules, subjects
from shared.reference.check.known import Known
from shared.reference.tables import Tables

CHECKS: tuple[Callable[[Tables, Known], Iterator[str]], ...] = (
    subjects.organs,
    subjects.sectors,
    subjects.legal_bases,
    subjects.continuity,
    rules.policies,
    rules.anchors,
    rules.criteria,
    rules.gates,
    rules.decisions,
    rules.clocks,
    rules.caps,
    rules.documents,
    rules.thresholds,
    rules.defaults,
)


def check(tables: Tables) -> list[str]:
    """Everything that contradicts, by subject; empty when the rows agree."""
    known = Known(tables)
    return [error for one in CHECKS for error in one(tables, known)]


def unknown_dates(tables: Tables) -> Iterator[str]:
    """Acts whose dates are not known: a warning, since nobody can tell whether they are in force."""
    for act in tables.subjects.legal_bases:
        for name in ("issued", "effective_from"):
            if getattr(act.row, name) is None:
                yield f"{act.where}: {name} is not known"
