"""Size and seconds of a report of a large run, and how long a browser takes to open it.

``python -m benchmarks.report [--gateways 1000] [--rounds 100] [--repeats 5]``

The run is made of numbers. A browser with an empty profile opens the page: ``first_paint`` is
from navigation until there is something to read, ``all_charts`` until the last chart is drawn;
null where there is no chromium.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.browser import installed, opened
from benchmarks.harness import seconds, show, spread
from benchmarks.made_run import Made, make_run

_TIMES = """return [
    performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    Number(document.documentElement.dataset.ready),
]"""


def measure(folder: Path, made: Made, repeats: int) -> dict[str, Any]:
    """Write the report of a made-up run several times, and open it as often."""
    run, page = make_run(folder / "run", made), folder / "run.html"
    command = [sys.executable, "-m", "fednids", "report", str(run), "--html", str(page)]
    taken = seconds(lambda: subprocess.run([*command, "--force", "--quiet"], check=True), repeats)
    opened_in = [open_page(page, folder / f"profile-{k}") for k in range(repeats * installed())]
    return {
        "gateways": made.gateways,
        "rounds": made.rounds,
        "bytes": page.stat().st_size,
        "writing": spread(taken),
        "first_paint": spread([first for first, _ in opened_in]) if opened_in else None,
        "all_charts": spread([last for _, last in opened_in]) if opened_in else None,
    }


def open_page(page: Path, profile: Path) -> tuple[float, float]:
    """Open a page in a new browser; seconds until its first paint and its last chart."""
    with opened(profile) as driver:
        driver.get(page.as_uri())
        until = time.monotonic() + 60
        while time.monotonic() < until:
            first, last = driver.execute_script(_TIMES)
            if first and last:
                return float(first) / 1000, float(last) / 1000
            time.sleep(0.05)
    raise TimeoutError(f"expected {page} to be drawn within 60 s, got nothing; look at its console")


def main() -> None:
    """Measure one size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = Made(given.gateways, given.rounds)
        show("report", measure(Path(folder), made, given.repeats))


if __name__ == "__main__":
    main()
