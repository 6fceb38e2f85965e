"""Finding what is wrong in one row, cell by cell; only run once a file has been refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fednids.flows.files.columns import is_address
from fednids.flows.files.messages import shown
from fednids.flows.schema import (
    ATTACK,
    BENIGN,
    CLASSES,
    CODES,
    LABEL,
    OTHER_ATTACKS,
    Column,
    Role,
)

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan(\(.*\))?|inf|infinity)", re.IGNORECASE)
_BLANKS = " \t"
_REMEDY = "correct the cell or remove the row"


@dataclass(frozen=True)
class Fault:
    """What is wrong in a row.

    Attributes
    ----------
    column : str or None
        Column of the bad cell, None where the row as a whole is wrong.
    expected, came, remedy : str
        Parts of the complaint.
    """

    column: str | None
    expected: str
    came: str
    remedy: str = _REMEDY


def fault_in_row(cells: Sequence[str], columns: Sequence[Column | None]) -> Fault | None:
    """Find the first fault of a row.

    Parameters
    ----------
    cells : Sequence[str]
        Texts of the row; bytes that are not UTF-8 as lone surrogates.
    columns : Sequence[Column or None]
        What each cell belongs to; None for cells that are not read.

    Returns
    -------
    Fault or None
        None if the row keeps to the schema.
    """
    if len(cells) != len(columns):
        return Fault(None, f"{len(columns)} fields as in the header", f"{len(cells)}")
    faults = (
        fault_in_cell(cell, column)
        for cell, column in zip(cells, columns, strict=True)
        if column is not None
    )
    return next(filter(None, faults), None) or _contradiction(cells, columns)


def fault_in_cell(cell: str, column: Column) -> Fault | None:
    """Tell what is wrong with the text of one cell, None if nothing is."""
    if not cell.strip(_BLANKS):
        return Fault(column.name, _allowed(column), "an empty cell")
    wrong = _wrong_text(cell, column) if column.is_text else _wrong_number(cell, column)
    return Fault(column.name, _allowed(column), wrong) if wrong else None


def _wrong_text(cell: str, column: Column) -> str | None:
    if any("\ud800" <= letter <= "\udfff" for letter in cell):
        return f"bytes that are not UTF-8 ({shown(cell)})"
    right = is_address(cell) if column.role is Role.ADDRESS else cell in CODES
    return None if right else shown(cell)


def _wrong_number(cell: str, column: Column) -> str | None:
    bare = cell.strip(_BLANKS)
    if _NOT_FINITE.fullmatch(bare) or not _NUMBER.fullmatch(bare):
        return shown(cell)
    value = float(bare)
    known = column.name != LABEL or value in (0.0, 1.0)
    finite = value != float("inf")
    return None if 0 <= value <= column.most and known and finite else shown(cell)


def _contradiction(cells: Sequence[str], columns: Sequence[Column | None]) -> Fault | None:
    by_name = {column.name: cell for cell, column in zip(cells, columns, strict=True) if column}
    label, attack = float(by_name[LABEL]), by_name[ATTACK]
    right = int(CODES[attack] != BENIGN)
    if label == right:
        return None
    return Fault(LABEL, f"{right} beside {ATTACK} {attack}", shown(by_name[LABEL]))


def _allowed(column: Column) -> str:
    if column.role is Role.ADDRESS:
        return "an IPv4 address"
    if column.name == ATTACK:
        return f"one of {', '.join(CLASSES)}, or an attack of {', '.join(OTHER_ATTACKS)}"
    if column.name == LABEL:
        return "0 or 1"
    if column.most == float("inf"):
        return "a finite number of at least 0"
    return f"a number from 0 to {column.most:,.0f}"
