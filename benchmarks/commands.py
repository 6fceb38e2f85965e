"""How long the README's commands take, as whole processes.

``python -m benchmarks.commands --data flows.csv.gz [--repeats 3]``
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import seconds, show, spread

COMMANDS = {
    "simulate": ["--gateways", "20", "--scheme", "dirichlet", "--alpha", "0.3", "--rounds", "10"],
    "centralised": [],
}


def measure(name: str, arguments: list[str], data: str, repeats: int) -> dict[str, Any]:
    """Run one command several times."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "fednids", name, "--data", data, "--out", str(out)]

        def once() -> None:
            subprocess.run([*command, "--quiet", "--force", *arguments], check=True)

        taken = seconds(once, repeats)
        result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    return {
        "command": " ".join(["fednids", name, "--data FLOWS", *arguments]),
        "seconds": spread(taken),
        "phases": result["seconds"],
        "macro_f1": result["final"]["macro_f1"],
        "majority_macro_f1": result["majority"]["macro_f1"],
    }


def main() -> None:
    """Measure all commands."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    given = parser.parse_args()
    data, repeats = given.data, given.repeats
    show("commands", {name: measure(name, a, data, repeats) for name, a in COMMANDS.items()})


if __name__ == "__main__":
    main()
