"""One virtual environment per peer, built when it is first asked for.

The peers bring PyTorch and versions of packages that fednids must not see, so they run
as files in interpreters of their own. The environments lie in the user's cache folder,
or where the variable ``FEDNIDS_PEERS`` says, and are kept until the pins change.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from platformdirs import user_cache_path

HERE = Path(__file__).parent
PEERS = ("torch", "flower", "pfl")


def python_of(name: str) -> Path:
    """Give the interpreter of a peer's environment, and build that first where needed."""
    if name not in PEERS:
        raise ValueError(f"expected a peer of {', '.join(PEERS)}, got {name!r}; name one of them")
    pins = HERE / "requirements" / f"{name}.txt"
    wanted = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    folder = _cache() / name
    stamp, python = folder / "pins.sha256", folder / "bin" / "python"
    if not (stamp.is_file() and stamp.read_text() == wanted and python.exists()):
        _build(folder, pins)
        stamp.write_text(wanted)
    return python


def _cache() -> Path:
    chosen = os.environ.get("FEDNIDS_PEERS")
    return Path(chosen) if chosen else user_cache_path("fednids") / "peers"


def _build(folder: Path, pins: Path) -> None:
    print(f"installing {pins.stem} into {folder} (minutes)", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    for command in (
        [sys.executable, "-m", "venv", folder],
        [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", pins],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise RuntimeError(
                f"expected {pins.name} to install into {folder}, pip said {last!r}; "
                "check the network and the pins"
            )
