"""What a change of the contracts would break, and the command that accepts an addition.

    python -m tests.contracts.compat

rewrites the snapshots, carries the examples over to the new form, and keeps their old form for ever in ``tests/contracts/accepted/``.
It refuses a change that breaks: such a change is a new event or a new topic version.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.contracts.asyncapi import Json, Message
from shared.contracts.base import content_hash
from shared.contracts.events.decisions import DecisionIssued
from shared.contracts.topics import TOPICS

MESSAGES: tuple[Message, ...] = tuple(message for topic in TOPICS for message in topic.events)
EXAMPLES = Path(__file__).parents[2] / "shared" / "contracts" / "examples"
SNAPSHOTS = Path(__file__).parent / "snapshots"
ACCEPTED = Path(__file__).parent / "accepted"

LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def shape(message: Message) -> Json:
    """What a reader accepts and what a writer writes, as JSON schemas."""
    return {
        "reads": message.model_json_schema(mode="validation"),
        "writes": message.model_json_schema(mode="serialization"),
    }


def breaking(before: Json, after: Json) -> list[str]:
    """Every way in which ``after`` breaks what stood on ``before``, with its JSON pointer; empty where the contract only grew.

    What was written must be readable, and what is written must be of the kinds that old readers know. A new value of an
    enumeration is growth.
    """
    reads = _differences(_Schema(before["reads"]), _Schema(after["reads"]), "", reading=True)
    writes = _differences(_Schema(before["writes"]), _Schema(after["writes"]), "", reading=False)
    return list(dict.fromkeys([*reads, *writes]))


class _Schema:
    """A schema with the definitions that its references point into."""

    def __init__(self, body: Json, root: Json | None = None) -> None:
        self.root = body if root is None else root
        while "$ref" in body:
            body = self.root["$defs"][body["$ref"].rpartition("/")[2]]
        self.body = body

    def __getitem__(self, name: str) -> Any:
        return self.body.get(name)

    def within(self, body: Json) -> _Schema:
        return _Schema(body, self.root)

    def kinds(self) -> list[_Schema]:
        """The alternatives of an ``anyOf``, or the schema itself."""
        alternatives = self["anyOf"]
        return [self] if alternatives is None else [kind for body in alternatives for kind in self.within(body).kinds()]

    @property
    def name(self) -> str:
        return "/".join(str(self[part]) for part in ("type", "format") if self[part] is not None) or "anything"

    @property
    def values(self) -> set[Any] | None:
        found = [self["const"]] if "const" in self.body else self["enum"]
        return None if found is None else set(found)


def _differences(before: _Schema, after: _Schema, at: str, *, reading: bool) -> Iterator[str]:
    """Each alternative of one side needs its counterpart on the other: which side depends on who must understand whom."""
    known, asked = (after, before) if reading else (before, after)
    for one in asked.kinds():
        found: list[list[str]] = []
        for other in known.kinds():
            if other.name == one.name or (reading and (one.name, other.name) == ("integer", "number")):
                old, new = (one, other) if reading else (other, one)
                found.append(list(_within(old, new, at, reading=reading)))
        if found:
            yield from min(found, key=len)
        else:
            names = [" | ".join(kind.name for kind in side.kinds()) for side in (before, after)]
            yield f"{at or '/'}: changed its type from {names[0]} to {names[1]}"


def _within(before: _Schema, after: _Schema, at: str, *, reading: bool) -> Iterator[str]:
    for name, body in (before["properties"] or {}).items():
        if name not in (after["properties"] or {}):
            yield f"{at}/{name}: disappeared"
        else:
            yield from _differences(
                before.within(body), after.within(after["properties"][name]), f"{at}/{name}", reading=reading
            )
    for inner in ("items", "additionalProperties"):
        if isinstance(before[inner], dict) and isinstance(after[inner], dict):
            yield from _differences(
                before.within(before[inner]), after.within(after[inner]), f"{at}/*", reading=reading
            )
    if reading:
        yield from _narrowed(before, after, at)


def _narrowed(before: _Schema, after: _Schema, at: str) -> Iterator[str]:
    """What was accepted and no longer is."""
    for name in sorted(set(after["required"] or ()) - set(before["required"] or ())):
        yield f"{at}/{name}: became required"
    if after.values is not None:
        if before.values is None:
            yield f"{at}: now takes only {sorted(map(str, after.values))}"
        elif gone := before.values - after.values:
            yield f"{at}: no longer takes {sorted(map(str, gone))}"
    if after["additionalProperties"] is False and before["additionalProperties"] is not False:
        yield f"{at}: no longer ignores unknown fields"
    if after["pattern"] not in (None, before["pattern"]):
        yield f"{at}: changed its pattern"
    for bound in LOWER_BOUNDS:
        if after[bound] is not None and (before[bound] is None or after[bound] > before[bound]):
            yield f"{at}: {bound} rose to {after[bound]}"
    for bound in UPPER_BOUNDS:
        if after[bound] is not None and (before[bound] is None or after[bound] < before[bound]):
            yield f"{at}: {bound} fell to {after[bound]}"


def compact(data: Json) -> bytes:
    """The bytes that a model writes for the same data."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def pretty(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def load(path: Path) -> Json:
    found: Json = json.loads(path.read_text("utf-8"))
    return found


def rewritten(message: Message, data: Json) -> Json:
    """The example as its model writes it today. A decision is sealed again."""
    event = message.model_validate(data)
    if isinstance(event, DecisionIssued):
        event = sealed(event)
    found: Json = json.loads(event.model_dump_json())
    return found


def sealed(decision: DecisionIssued) -> DecisionIssued:
    """The decision with the hashes that it must carry (services.decisions computes them its own way)."""
    lines = sorted(f"{ref.event_id} {ref.sha256}\n" for ref in decision.evidence)
    bound = decision.model_copy(update={"evidence_hash": hashlib.sha256("".join(lines).encode()).hexdigest()})
    canonical = json.dumps(bound.sealed(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return bound.model_copy(update={"hash": hashlib.sha256(canonical.encode()).hexdigest()})


def carry_over(examples: dict[str, Json]) -> None:
    """Bring the examples' data to the present form; where one's hash changes, those that bind to it follow."""
    bound = {name: content_hash(compact(example["data"])) for name, example in examples.items()}
    changed = True
    while changed:
        changed = False
        for message in MESSAGES:
            example = examples[message.__name__]
            example["data"] = rewritten(message, example["data"])
            old, new = bound[message.__name__], content_hash(compact(example["data"]))
            if new != old:
                changed = True
                bound[message.__name__] = new
                for other in examples.values():
                    other["data"] = json.loads(json.dumps(other["data"]).replace(old, new))


def accept() -> int:
    """Accept what the contracts have become, unless it breaks; 0 when all is accepted."""
    broken = [
        f"{message.__name__}{difference}"
        for message in MESSAGES
        if (path := SNAPSHOTS / f"{message.__name__}.json").exists()
        for difference in breaking(load(path), shape(message))
    ]
    if broken:
        print("This breaks what others rely on:", *broken, sep="\n  ", file=sys.stderr)
        return 1
    examples = {message.__name__: load(EXAMPLES / f"{message.__name__}.json") for message in MESSAGES}
    carry_over(examples)
    SNAPSHOTS.mkdir(exist_ok=True)
    ACCEPTED.mkdir(exist_ok=True)
    for message in MESSAGES:
        name = message.__name__
        (SNAPSHOTS / f"{name}.json").write_text(pretty(shape(message)), "utf-8")
        (EXAMPLES / f"{name}.json").write_text(pretty(examples[name]), "utf-8")
        data = compact(examples[name]["data"])
        (ACCEPTED / f"{name}-{content_hash(data)[:8]}.json").write_bytes(data + b"\n")
    print(f"{len(MESSAGES)} contracts accepted")
    return 0


if __name__ == "__main__":
    sys.exit(accept())
