"""A partition plan: which gateway owns which flow."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fednids.errors import PartitionError
from fednids.files import write_atomically
from partitions.interface import Assignment, Labels, Table

_FORMAT = b"fednids partition plan 1"
_MOST_GATEWAYS = 2**31 - 1


@dataclass(frozen=True, eq=False)
class PartitionPlan:
    """How the flows were dealt: row indices only, no flow.

    Every flow belongs to exactly one gateway, since the plan holds one number per flow.

    Attributes
    ----------
    scheme : str
        Name of the partitioner, a key of `partitions.PARTITIONERS`.
    assignment : ndarray
        ``(N,) int32``, gateway of each flow, read-only; any integers in ``[0, K)`` are
        accepted and copied.
    gateways : int
        ``K``, at least 1. A gateway may own no flow.
    flows : str
        Digest of the flows that were dealt, as `fednids.datasets.plan_file` makes it; empty
        where it was not said. No part of the fingerprint.

    Raises
    ------
    PartitionError
        When `assignment` is not 1-D, not of integers or out of range.
    """

    scheme: str
    assignment: Assignment
    gateways: int
    flows: str = ""

    def __post_init__(self) -> None:
        """Keep a read-only copy of the assignment, which is checked."""
        _check_assignment(np.asarray(self.assignment), self.gateways)
        kept = np.array(self.assignment, dtype=np.int32)
        kept.setflags(write=False)
        object.__setattr__(self, "assignment", kept)
        object.__setattr__(self, "gateways", int(self.gateways))

    def __eq__(self, other: object) -> bool:
        """Return whether both deal the same flows in the same way under the same name."""
        if not isinstance(other, PartitionPlan):
            return NotImplemented
        return self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def rows(self, partition_id: int) -> NDArray[np.int64]:
        """Return the flows of one gateway: ``(n,) int64`` sorted row indices, a read-only view.

        The first call groups all flows once; each call after it takes the same time
        whatever the number of gateways.

        Raises
        ------
        PartitionError
            When there is no such gateway.
        """
        if not 0 <= partition_id < self.gateways:
            raise PartitionError(
                f"expected a partition_id from 0 to {self.gateways - 1}, found "
                f"{partition_id}; give the plan's number of gateways to the federation too"
            )
        order, starts = self._groups
        return order[starts[partition_id] : starts[partition_id + 1]]

    def sizes(self) -> NDArray[np.int64]:
        """Return the number of flows of each gateway, ``(K,) int64``."""
        return np.bincount(self.assignment, minlength=self.gateways)

    def label_counts(self, labels: Labels, classes: int) -> Table:
        """Count the flows of each class at each gateway, ``(K, C) int64``.

        Parameters
        ----------
        labels : ndarray
            ``(N,) uint8``, class of each flow that was dealt, in the same order.
        classes : int
            ``C``, above every label.

        Raises
        ------
        PartitionError
            When `labels` are not of this plan's flows or not below `classes`.
        """
        if labels.shape != self.assignment.shape:
            raise PartitionError(
                f"expected labels of the plan's {len(self.assignment)} flows, found an array "
                f"of shape {labels.shape}; use the flows that the plan was made for"
            )
        if len(labels) and int(labels.max()) >= classes:
            raise PartitionError(
                f"expected labels below {classes}, found {labels.max()}; "
                "give the number of classes of the data"
            )
        cells = self.assignment.astype(np.int64) * classes + labels
        return np.bincount(cells, minlength=self.gateways * classes).reshape(-1, classes)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over scheme, number of gateways and assignment, as 64 hex digits."""
        digest = hashlib.sha256(_FORMAT)
        name = self.scheme.encode()
        for number in (len(name), self.gateways, len(self.assignment)):
            digest.update(number.to_bytes(8, "little"))
        digest.update(name)
        digest.update(self.assignment.astype("<i4", copy=False).tobytes())
        return digest.hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the plan as one ``.npz`` without pickle: all of it, or nothing.

        The path is taken as it is; a file that is there is replaced.

        Raises
        ------
        DiskError
            When the folder is missing or cannot be written to.
        """
        content = io.BytesIO()
        np.savez(
            content,
            scheme=np.array(self.scheme),
            gateways=np.array(self.gateways),
            assignment=self.assignment,
            fingerprint=np.array(self.fingerprint),
            flows=np.array(self.flows),
        )
        write_atomically(Path(path), content.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> PartitionPlan:
        """Read a plan that `save` wrote, and check its fingerprint.

        Raises
        ------
        PartitionError
            When the file is missing, is no plan, or is damaged in any way.
        """
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                scheme, gateways = str(arrays["scheme"]), int(arrays["gateways"])
                flows = str(arrays["flows"]) if "flows" in arrays else ""
                plan = cls(scheme, arrays["assignment"], gateways, flows)
                whole = plan.fingerprint == str(arrays["fingerprint"])
        except Exception as error:  # NumPy and zipfile raise a dozen kinds on damaged bytes
            reason = (str(error).splitlines() or [""])[0] or type(error).__name__
            raise PartitionError(_damaged(path, f"one that does not read ({reason})")) from error
        if not whole:
            raise PartitionError(_damaged(path, "one whose fingerprint does not match"))
        return plan

    @cached_property
    def _groups(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        narrow = self.assignment.astype(np.min_scalar_type(self.gateways - 1))
        order = np.argsort(narrow, kind="stable")  # a radix sort up to 16 bits
        order.setflags(write=False)
        return order, np.concatenate(([0], np.cumsum(self.sizes())))


def _check_assignment(assignment: NDArray[np.generic], gateways: int) -> None:
    if not 1 <= gateways <= _MOST_GATEWAYS:
        raise PartitionError(
            f"expected 1 to {_MOST_GATEWAYS} gateways, found {gateways}; give another number"
        )
    if assignment.ndim != 1 or assignment.dtype.kind not in "iu":
        raise PartitionError(
            "expected one gateway number per flow, a 1-D array of integers, found shape "
            f"{assignment.shape} of {assignment.dtype}; give the (N,) int32 of a partitioner"
        )
    if assignment.size and not (assignment.min() >= 0 and assignment.max() < gateways):
        raise PartitionError(
            f"expected gateway numbers from 0 to {gateways - 1}, found {assignment.min()} to "
            f"{assignment.max()}; give each flow to one of the {gateways} gateways"
        )


def _damaged(path: str | Path, found: str) -> str:
    return f"expected a partition plan in {path}, found {found}; make the plan again"
