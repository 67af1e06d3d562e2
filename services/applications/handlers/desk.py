"""What the handlers work with: the rules by which an application is judged, the calendar, and the outbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from services.applications.core.admission import Law
from services.applications.core.model import Application
from services.applications.store import applications as store
from shared.platform.db import Tx
from shared.platform.outbox import Outbox
from shared.reference.calendar import Calendar, local_day
from shared.reference.rows import RuleSet

Parse = Callable[[Mapping[str, bytes]], RuleSet]
"""Makes a rule set of the bytes of its files."""


class Desk:
    """One per process. Rule sets are values: what was read once is kept, and never changes."""

    def __init__(self, rule_set: RuleSet, parse: Parse, calendar: Calendar, outbox: Outbox) -> None:
        self.calendar = calendar
        self.outbox = outbox
        self._current = rule_set
        self._parse = parse
        self._known = {rule_set.version: rule_set}
        self._kept = False

    def law(self, now: datetime) -> Law:
        """What an application received ``now`` is judged by."""
        return Law(self._current.on(local_day(now)), self.calendar)

    async def law_of(self, tx: Tx, application: Application) -> Law:
        """What governs ``application``: the rules of its receipt, also when the files have changed since."""
        rule_set = self._known.get(application.rule_set)
        if rule_set is None:
            files = await store.kept_rule_set(tx, application.rule_set)
            assert files is not None, "the rule set of every receipt is kept"
            rule_set = self._known[application.rule_set] = self._parse(files)
        return Law(rule_set.on(local_day(application.received_at)), self.calendar)

    async def keep_rules(self, tx: Tx) -> None:
        """Keep the rule set with the first application that it governs; cheap from then on."""
        if not self._kept:
            await store.keep_rule_set(tx, self._current.version, self._current.files)
            tx.after_commit.append(self._note_kept)

    def _note_kept(self) -> None:
        self._kept = True
