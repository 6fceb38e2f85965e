"""Folders that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fednids.errors import RunError


@contextmanager
def new_folder(out: Path, mark: str, *, force: bool) -> Iterator[Path]:
    """Return a folder to write to, which is renamed to `out` once all is written.

    Parameters
    ----------
    out : Path
        New or empty; parents are made.
    mark : str
        Name of a file that every folder of this kind has. One without it is somebody
        else's, and stays even with `force`.
    force : bool
        Replace a folder of this kind that is there, at the end.

    Raises
    ------
    RunError
        Something is there already, or the place cannot be written to.
    """
    check_folder(out, mark, force=force)
    out = Path(os.path.abspath(out))  # noqa: PTH100, links stay as they are
    beside = out.with_name(f".{out.name}.{secrets.token_hex(8)}.partial")
    try:
        beside.mkdir(parents=True)
        yield beside
        if out.exists():
            shutil.rmtree(out)
        beside.rename(out)
    except OSError as error:
        raise RunError(
            f"expected to write {out}, got {error.strerror or error}; check the folder, its "
            "permissions and the free space"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def check_folder(out: Path, mark: str, *, force: bool) -> None:
    """Find out before any work whether `new_folder` may write to `out`.

    Raises
    ------
    RunError
        Something is there already; even `force` removes nothing of another kind.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out.is_dir() and (out / mark).is_file()):
        raise RunError(
            f"expected a new or empty folder, got {out}, which holds something else; name another"
        )
    if not force:
        raise RunError(
            f"expected a new or empty folder, got {out}, which was written before; name another, "
            "or overwrite it with --force"
        )
