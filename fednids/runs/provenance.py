"""By what, where and when a run was made.

The machine's name and the user's are left out: a run folder is made to be given away, and
neither decides on a result. The command stands as it was typed, with the paths in it, but for
values of options that are secrets, as the token that Flower gives its processes.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

import fednids
from fednids.runs.records import Git, Machine, Provenance, Session

NOTES = "provenance.jsonl"
"""In the folder of the checkpoints: a line for each process that has worked on the run."""

_GIT_SECONDS = 10
_SECRET = re.compile(r"--?([\w-]*[_-])?(token|secret|password|passphrase|key)s?", re.IGNORECASE)
_HIDDEN = "***"


def this_process() -> Session:
    """Describe the process that runs now."""
    return Session(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        command=without_secrets(sys.argv),
        git=_git(),
        machine=Machine(
            system=platform.system(),
            release=platform.release(),
            processor=_processor(),
            processors=len(os.sched_getaffinity(0)),
            memory=_memory(),
        ),
    )


def without_secrets(command: Sequence[str]) -> list[str]:
    """Return a command without the values of options that hold a secret by their names."""
    found, hidden = list[str](), False
    for word in command:
        option, equals, _ = word.partition("=")
        secret = bool(_SECRET.fullmatch(option))
        if secret and equals:
            found.append(f"{option}={_HIDDEN}")
        else:
            found.append(_HIDDEN if hidden and not option.startswith("--") else word)
        hidden = secret and not equals
    return found


def note_process(folder: Path) -> None:
    """Add this process to those that have worked on a run.

    Parameters
    ----------
    folder : Path
        Of its checkpoints.
    """
    with (folder / NOTES).open("a", encoding="utf-8") as file:
        file.write(this_process().model_dump_json() + "\n")


def read_provenance(folder: Path) -> Provenance:
    """Read which processes have worked on a run; lines cut short by a crash are left out.

    A run without notes is described by this process.
    """
    path, found = folder / NOTES, list[Session]()
    lines = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    for line in lines.splitlines():
        try:
            found.append(Session.model_validate_json(line))
        except ValidationError:
            continue
    first, *others = found or [this_process()]
    more = {"resumed": others} if others else {}
    return Provenance.model_validate({**dict(first), **more})


def _git() -> Git | None:
    """Ask git about the checkout; None where there is none, or no git."""
    root = Path(fednids.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    try:
        commit = _ask_git(root, "rev-parse", "HEAD").strip()
        changed = _ask_git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return Git(commit=commit, dirty=bool(changed.strip()))


def _ask_git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *words],
        capture_output=True, check=True, encoding="utf-8", timeout=_GIT_SECONDS,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
    ).stdout  # fmt: skip


def _processor() -> str:
    """Name the processor's model, which Python leaves empty or vague on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None
