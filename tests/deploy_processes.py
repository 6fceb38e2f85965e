"""Commands of a deployment in processes of their own."""

from __future__ import annotations

import subprocess
import sys


def fednids(*arguments: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "fednids", *arguments],
        capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
