"""Checksums of a finished run's files, by which damage is found when one of them is read.

They stand in a file as ``sha256sum`` writes it; ``sha256sum -c SHA256SUMS`` checks them too.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from fednids.errors import RunError
from fednids.files import sha256_of, write_atomically
from fednids.runs.layout import CONFIG, GATEWAYS, MODEL, MODELS, RESULT, ROUNDS, SCORES

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def write_sums(folder: Path, result: bytes) -> None:
    """Write the checksums of the files that are read, and of the result, which comes last.

    Files of checkpoints have hashes of their own, and nothing is read from pictures.

    Raises
    ------
    DiskError
        The disk takes no more.
    """
    names = [CONFIG, ROUNDS, GATEWAYS, SCORES, MODEL]
    names += sorted(f"{MODELS}/{path.name}" for path in (folder / MODELS).glob("*.safetensors"))
    found = {name: sha256_of(folder / name) for name in names if (folder / name).is_file()}
    found[RESULT] = hashlib.sha256(result).hexdigest()
    text = "".join(f"{digest}  {name}\n" for name, digest in found.items())
    write_atomically(folder / SUMS, text.encode())


def check_sum(folder: Path, name: str) -> None:
    """Check a file against the checksums of its run; nothing where the run has none.

    Runs that have not ended have none, and those of before there were any.

    Raises
    ------
    RunError
        The file is not as the run wrote it.
    """
    try:
        text = (folder / SUMS).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    sums = {found[2]: found[1] for line in text.splitlines() if (found := _LINE.fullmatch(line))}
    if len(sums) < len(text.splitlines()) or RESULT not in sums:
        raise _damage(folder, SUMS)
    if name in sums and sha256_of(folder / name) != sums[name]:
        raise _damage(folder, name)


def _damage(folder: Path, name: str) -> RunError:
    return RunError(
        f"expected {name} in {folder} as the run wrote it, got other bytes (by {SUMS}); take "
        "another copy of the folder, or run it again"
    )
