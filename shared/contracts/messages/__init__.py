"""Every text that a refusal, a problem or a notice can show, by code, in Vietnamese and English.

A text is a ``str.format`` template; its parameters are named at the place that raises the code. One module per service, so that who
works on a service finds its words in one place.
"""

from __future__ import annotations

from shared.contracts.messages import applications, common, decisions, monitoring
from shared.contracts.messages.text import Text


def _merged() -> dict[str, Text]:
    merged: dict[str, Text] = {}
    for module in (common, applications, monitoring, decisions):
        for code, (vi, en) in module.TEXTS.items():
            if code in merged:
                raise ValueError(f"the code {code!r} has two texts")
            merged[code] = Text(vi=vi, en=en)
    return merged


TEXTS = _merged()


def text(code: str) -> Text:
    """The texts of ``code``. Raises ``KeyError`` when it has none: a code without words is a defect."""
    return TEXTS[code]
