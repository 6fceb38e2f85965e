"""Running the checks over a file's evidence."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from fednids.audit.checks import CHECKS, Finding, Severity
from fednids.audit.evidence import Evidence
from fednids.seeding import Stream, generator


@dataclass(frozen=True)
class Report:
    """What all checks found.

    Attributes
    ----------
    flows : int
        Flows of the file.
    findings : tuple[tuple[str, Finding], ...]
        Check and finding, the worst first, then in the order of the checks.
    """

    flows: int
    findings: tuple[tuple[str, Finding], ...]

    def count(self, severity: Severity) -> int:
        """Count the findings of one severity."""
        return sum(finding.severity is severity for _, finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "flows": self.flows,
            **{f"{severity.value}s": self.count(severity) for severity in Severity},
            "findings": [
                {"check": check, **asdict(finding), "severity": finding.severity.value}
                for check, finding in self.findings
            ],
        }


def audit(
    evidence: Evidence, seed: int, on_check: Callable[[str], None] = lambda check: None
) -> Report:
    """Run all checks, each with a generator of its own.

    Parameters
    ----------
    evidence : Evidence
        The file.
    seed : int
        Of everything that checks draw.
    on_check : Callable[[str], None], optional
        Called with each check's name before it runs.
    """
    found = []
    for name, check in CHECKS.items():
        on_check(name)
        rng = generator(seed, Stream.BASELINE, zlib.crc32(name.encode()))
        found += [(name, finding) for finding in check(evidence, rng)]
    worst = list(Severity)
    return Report(
        len(evidence), tuple(sorted(found, key=lambda each: worst.index(each[1].severity)))
    )
