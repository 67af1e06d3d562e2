"""Who decides, what is piloted, which acts may be cited, and that no dated row overlaps or leaves a gap."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import date
from itertools import pairwise

from shared.reference.check.known import CLOCKS, DECISIONS, TIERS, Known
from shared.reference.rows.authorities import COMMUNE_PATTERN
from shared.reference.rows.model import COMMON, Dated, Row
from shared.reference.tables import POLICY, PROVINCES, RULES, Tables


def _duplicates(values: Iterable[str]) -> list[str]:
    return sorted(value for value, times in Counter(values).items() if times > 1)


def organs(tables: Tables, known: Known) -> Iterator[str]:
    organs = tables.organs
    for code in _duplicates(row.code for row in organs.expanded()):
        yield f"authorities.toml: the code {code} comes from two rows"
    if organs.communes() is None:
        yield f"authorities.toml: no pattern {COMMUNE_PATTERN}"
    for pattern in organs.patterns:
        for code in pattern.row.except_provinces:
            if code not in known.provinces:
                yield f"{pattern.where}: unknown province {code}"
            if code not in {split.row.province for split in organs.splits}:
                yield f"{pattern.where}: leaves out province {code}, and no [[authority_split]] has it"
    for split in organs.splits:
        if split.row.province not in known.provinces:
            yield f"{split.where}: unknown province {split.row.province}"
        expected = tuple(f"prov_{split.row.province}_{part}" for part in ("culture", "tourism"))
        if (split.row.culture_code, split.row.tourism_code) != expected:
            yield f"{split.where}: its codes are not {' and '.join(expected)}"
    kinds = [located.row.type for located in organs.provinces]
    counted = {"count": len(kinds), "count_city": kinds.count("city"), "count_province": kinds.count("province")}
    for name, count in counted.items():
        if organs.counts[name] != count:
            yield f"{PROVINCES}: {name} says {organs.counts[name]}, the rows are {count}"
    for change in organs.type_changes:
        if change.row.code not in known.provinces:
            yield f"{change.where}: unknown province {change.row.code}"
        yield from known.bases(change.where, (change.row.legal_basis,))


def sectors(tables: Tables, known: Known) -> Iterator[str]:
    for sector in tables.subjects.sectors:
        row, where = sector.row, sector.where
        for code in (row.lead_one_province, row.lead_more_provinces, *row.authorities):
            if code not in known.authorities:
                yield f"{where}: unknown authority {code}"
        if "{" in row.lead_more_provinces:
            yield f"{where}: lead_more_provinces is one authority, not one per place"
        for code in row.metrics:
            if not known.metric(row.code, code):
                yield f"{where}: unknown metric {code}"
        yield from known.bases(where, row.legal_bases)
    for metric in tables.subjects.metrics:
        if metric.row.scope != COMMON and metric.row.scope not in known.sectors:
            yield f"{metric.where}: unknown sector {metric.row.scope}"
        if metric.row.scope != COMMON and (COMMON, metric.row.code) in known.metrics:
            yield f"{metric.where}: {metric.row.code} is a common metric too"
    for legacy in tables.subjects.legacy_sectors:
        if legacy.row.maps_to and legacy.row.maps_to not in known.sectors:
            yield f"{legacy.where}: maps to the unknown sector {legacy.row.maps_to}"
    for cross in tables.subjects.cross_cutting:
        yield from (
            f"{cross.where}: unknown authority {c}" for c in cross.row.authorities if c not in known.authorities
        )
        yield from known.bases(cross.where, cross.row.legal_bases)


def legal_bases(tables: Tables, known: Known) -> Iterator[str]:
    acts = tables.subjects.legal_bases
    names = [name for act in acts for name in (act.row.code, *act.row.aliases)]
    for name in _duplicates(names):
        yield f"legal_bases.toml: {name} names two acts"
    for act in acts:
        row = act.row
        if row.status not in ("in_force", "amended", "superseded"):
            yield f"{act.where}: unknown status {row.status}"
        if row.replaced_by is not None:
            yield from known.bases(act.where, (row.replaced_by,))
        if row.effective_from and row.effective_to and row.effective_to < row.effective_from:
            yield f"{act.where}: effective_to is before effective_from"


def continuity(tables: Tables, known: Known) -> Iterator[str]:
    dated, since = tables.dated, tables.singles.since
    assert since is not None  # a missing date was an error of the first stage
    wanted = {(sector, tier) for sector in known.sectors for tier in TIERS}
    yield from _spans(POLICY, "policy", dated.policies, lambda row: (row.sector, row.tier), since, wanted)
    yield from _spans(POLICY, "decision_type", dated.decision_types, lambda row: row.code, since, DECISIONS)
    yield from _spans(RULES, "clock", dated.clocks, lambda row: row.code, since, CLOCKS)
    # The rest may end without a successor: a gate that the law drops, a document that is no longer asked for.
    yield from _spans(POLICY, "criterion", dated.criteria, lambda row: row.code)
    yield from _spans(POLICY, "statutory_gate", dated.gates, lambda row: row.code)
    yield from _spans(RULES, "cap_maximum", dated.cap_maxima, lambda row: row.metric)
    yield from _spans(RULES, "document", dated.documents, lambda row: row.code)
    yield from _spans(RULES, "threshold_default", dated.thresholds, lambda row: row.code)


def _spans(
    file: str,
    name: str,
    rows: Sequence[Dated[Row]],
    key: Callable[[Row], Hashable],
    since: date | None = None,
    wanted: Iterable[Hashable] = (),
) -> Iterator[str]:
    """Overlaps and gaps among the rows of one key; with ``since``, a row for each wanted key from that day on and without end."""
    groups: dict[Hashable, list[Dated[Row]]] = defaultdict(list)
    for dated in rows:
        groups[key(dated.row)].append(dated)
    if since is not None:
        lacking = set(wanted) - groups.keys()
        yield from (f"{file} [[{name}]]: gap: no row for {_words(code)}" for code in sorted(lacking, key=str))
    for code, group in groups.items():
        group.sort(key=lambda dated: dated.effective_from)
        for before, after in pairwise(group):
            if before.effective_to is None or before.effective_to > after.effective_from:
                yield f"{after.where}: overlap with {before.where}, which is in force until {before.effective_to or 'further notice'}"
            elif before.effective_to < after.effective_from and since is not None:
                yield f"{after.where}: gap: nothing for {_words(code)} from {before.effective_to} until {after.effective_from}"
        if since is not None and group[0].effective_from > since:
            yield f"{group[0].where}: gap: nothing for {_words(code)} from {since} until {group[0].effective_from}"
        if since is not None and group[-1].effective_to is not None:
            yield f"{group[-1].where}: gap: nothing for {_words(code)} from {group[-1].effective_to}"


def _words(key: Hashable) -> str:
    return f"{key[0]} tier {key[1]}" if isinstance(key, tuple) else str(key)
