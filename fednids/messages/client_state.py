"""What a gateway remembers between rounds, on its own disk.

Control variates, personal layers, what compression left out: nothing of it is the server's
business. Flower's own place for it, the context's state, ends with the process that holds
it, and a run that goes on after a crash needs it as it was after the last whole round. So each
round is a file of its own, with a hash, and the last few are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fednids.errors import RunError
from fednids.files import seal, sweep_up, told_of_disk, unseal, write_atomically

_KEPT = 4
"""Rounds: the interrupted one, the one before if its scores ride on it, and two checkpoints."""

_NAME = re.compile(r"round-(\d{6,})\.safetensors")

Remembered = Mapping[str, NDArray[np.float32]]


class Memory:
    """The memory of one gateway.

    Parameters
    ----------
    folder : Path or None
        Of all gateways of a run; None where there is none, and nothing may be kept.
    partition_id : int
        Whose memory it is.
    """

    def __init__(self, folder: Path | None, partition_id: int):
        self._folder = None if folder is None else folder / f"gateway-{partition_id:05d}"
        self._partition_id = partition_id

    def recall(self, server_round: int) -> Remembered:
        """Read what was kept last, up to the end of a round.

        Parameters
        ----------
        server_round : int
            Whatever was kept in a later round, by a run that was then interrupted, is not
            there. 0 gives nothing.

        Returns
        -------
        Mapping[str, ndarray]
            Arrays by name; empty before anything was kept.

        Raises
        ------
        RunError
            The file is damaged.
        """
        known = [number for number in self._rounds() if number <= server_round]
        if not known:
            return {}
        path = self._path(known[-1])
        try:
            return self._read(known[-1])
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise RunError(
                f"expected what gateway {self._partition_id} remembers in {path}, got a damaged "
                f"file ({reason}); `fednids resume` looks for a whole one, or start the run again"
            ) from None

    def keep(self, server_round: int, arrays: Remembered) -> None:
        """Keep arrays as they are after a round, whole or not at all.

        Raises
        ------
        RunError
            There is no place for it, or the disk takes no more.
        """
        if self._folder is None:
            raise RunError(
                "expected a folder for what gateways remember, got none; name one with out=FOLDER"
            )
        with told_of_disk(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        facts = {"gateway": self._partition_id, "round": server_round}
        write_atomically(self._path(server_round), seal(arrays, facts))
        for number in self._rounds()[:-_KEPT]:
            self._path(number).unlink(missing_ok=True)

    def last(self) -> int:
        """Return in which round something was kept last; 0 if nothing was."""
        return max(self._rounds(), default=0)

    def fault(self, server_round: int) -> str | None:
        """Return what is wrong with what was kept in one round; None if nothing is."""
        try:
            self._read(server_round)
        except (OSError, ValueError) as error:
            return " ".join(str(error).split())
        return None

    def forget_after(self, server_round: int) -> None:
        """Remove what later rounds kept, and what was being written when a run was killed."""
        if self._folder is None or not self._folder.is_dir():
            return
        sweep_up(self._folder)
        for number in self._rounds():
            if number > server_round:
                self._path(number).unlink(missing_ok=True)

    def _read(self, server_round: int) -> Remembered:
        arrays, facts = unseal(self._path(server_round).read_bytes())
        if facts != {"gateway": self._partition_id, "round": server_round}:
            raise ValueError(f"it is of {facts}")
        return arrays

    def _path(self, server_round: int) -> Path:
        assert self._folder is not None
        return self._folder / f"round-{server_round:06d}.safetensors"

    def _rounds(self) -> list[int]:
        if self._folder is None or not self._folder.is_dir():
            return []
        found = (_NAME.fullmatch(path.name) for path in self._folder.iterdir())
        return sorted(int(match[1]) for match in found if match)


def last_kept(folder: Path, gateways: int) -> NDArray[np.int64]:
    """Return for every gateway in which round it kept something last, ``(K,)``; 0 for never."""
    if not folder.is_dir():
        return np.zeros(0, np.int64)
    return np.array([Memory(folder, k).last() for k in range(gateways)], np.int64)


def memories_fault(folder: Path, rounds: Sequence[int]) -> str | None:
    """Find a gateway whose memory of a round is missing or damaged.

    Parameters
    ----------
    folder : Path
        Of all gateways of a run.
    rounds : Sequence[int]
        As `last_kept` gave them when the round was over.

    Returns
    -------
    str or None
        Which gateway and what is wrong, of the first; None if all are whole.
    """
    faults: Iterator[tuple[int, str | None]] = (
        (k, Memory(folder, k).fault(number)) for k, number in enumerate(rounds) if number
    )
    found = next(((k, fault) for k, fault in faults if fault), None)
    return f"the memory of gateway {found[0]}: {found[1]}" if found else None


def forget_after(folder: Path, gateways: int, server_round: int) -> None:
    """Remove what all gateways kept in later rounds."""
    for partition_id in range(gateways):
        Memory(folder, partition_id).forget_after(server_round)
