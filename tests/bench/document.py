"""Where figures are written: each between two marks of its own in docs/performance.md; what others wrote there stays."""

from __future__ import annotations

from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"


def publish(title: str, mark: str, text: str) -> None:
    """Put ``text`` between its marks, under a heading ``title`` where it is new."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    known = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else "# Performance\n"
    block = f"{begin}\n{text}\n{end}"
    if begin in known:
        before, _, rest = known.partition(begin)
        known = before + block + rest.partition(end)[2]
    else:
        known = f"{known.rstrip()}\n\n## {title}\n\n{block}\n"
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(known, encoding="utf-8")
