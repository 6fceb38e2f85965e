"""What a gateway of a deployment owns: its name, and flows that must stay as they are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fednids.errors import DataError, FednidsError
from fednids.files import told_of_disk, write_atomically

_NOTE = "flows.sha256"


@contextmanager
def named(name: str) -> Iterator[None]:
    """Say whose error it is: what Flower tells the server is no more than its text."""
    try:
        yield
    except FednidsError as error:
        raise type(error)(f"gateway {name or 'without a name'}: {error}") from None


@dataclass(frozen=True)
class Own:
    """A gateway's name and flow file, and its folder for one run.

    A file that changes in mid-run is split anew: test flows of one round would be training
    flows of the next. A message may come to a new process, so the folder remembers which
    flows the run began with.

    Attributes
    ----------
    name : str
        What the gateway is called.
    path : Path
        Its flow file.
    sha256 : str
        Of the file as it is now.
    folder : Path
        What it remembers of the run, its flows and its strategy's state.
    """

    name: str
    path: Path
    sha256: str
    folder: Path

    def begin(self, *, going_on: bool) -> None:
        """Note the flows that a run begins with, and forget an older run of that folder.

        Parameters
        ----------
        going_on : bool
            Whether the run goes on after a stop: then nothing is forgotten.

        Raises
        ------
        DataError
            The flows have changed while the run was stopped.
        DiskError
            The folder cannot be written.
        """
        if going_on:
            self.check()
        with told_of_disk(self.folder):
            if not going_on:
                shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / _NOTE, self.sha256.encode())

    def check(self) -> None:
        """See that the flows are those that the run began with.

        Raises
        ------
        DataError
            They are not.
        """
        note = self.folder / _NOTE
        if note.is_file() and note.read_text(encoding="utf-8") != self.sha256:
            raise DataError(
                f"expected {self.path} as it was when the run began, got another file; put it "
                "back, or begin a new run and leave the file alone until it ends"
            )
