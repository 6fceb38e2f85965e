"""How the complaints about flow files are worded: always one line, whatever the file holds."""

from __future__ import annotations

from pathlib import Path

from fednids.errors import DataError

_LONGEST_QUOTE = 40
_LONGEST_REASON = 120


def shown(text: str) -> str:
    """Quote text that came from a file: printable, on one line, cut after 40 characters."""
    return repr(text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 3] + "...")


def shown_path(path: Path) -> str:
    """Return ``path`` as typed, or quoted where it holds what a terminal cannot show."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def reason(error: BaseException) -> str:
    """Return the message of another library's error on one line."""
    text = " ".join(str(error).split())[:_LONGEST_REASON]
    return (text if text.isprintable() else ascii(text)) or type(error).__name__


def data_error(where: str, *, expected: str, came: str, remedy: str) -> DataError:
    """Word a complaint about a flow file.

    Parameters
    ----------
    where : str
        File, and as far as known archive member, line or row, and column.
    expected, came : str
        What should have been there and what was.
    remedy : str
        What the user can do about it, as an imperative.

    Returns
    -------
    fednids.errors.DataError
        To be raised by the caller; its message is one line.
    """
    return DataError(f"{where}: expected {expected}, came {came}; {remedy}")
