"""Why a gateway did not answer, as Flower brings it."""

from __future__ import annotations

import re

_RAISED = re.compile(r"<class '(?:[\w.]*\.)?(\w+)'>:<'(.*)'>", re.DOTALL)
"""How Flower tells that a ClientApp raised something."""


def told_reason(reason: str) -> str:
    """Give the reason of an error reply in one line, as our own engines tell it."""
    raised = _RAISED.fullmatch(reason.strip())
    return " ".join((f"{raised[1]}: {raised[2]}" if raised else reason).split())
