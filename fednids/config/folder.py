"""A folder of flow files, one a gateway: which files, and what the gateways are called."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from fednids.errors import DataError

FILES = "files"
"""The ``partition.scheme`` of flows that come dealt, a file a gateway."""

_PACKINGS = (".gz", ".zip", ".parquet", ".csv")
_MANIFEST = "export.json"


def gateway_files(folder: Path) -> tuple[Path, ...]:
    """List the flow files of a folder by gateways' names: a file's place is its partition id.

    Folders in it, hidden files and the ``export.json`` of `fednids partition --export` are no flow
    files; all others must be, one a gateway.

    Raises
    ------
    DataError
        The folder cannot be read, holds no file, or two of the same gateway.
    """
    try:
        found = [path for path in folder.iterdir() if path.is_file()]
    except OSError as error:
        raise DataError(
            f"expected a folder of flow files in {folder}, got {error.strerror or error}; "
            "check the path"
        ) from None
    kept = [path for path in found if path.name != _MANIFEST and not path.name.startswith(".")]
    files = sorted(kept, key=lambda path: (gateway_name(path), path.name))
    if not files:
        raise DataError(
            f"expected a flow file for each gateway in {folder}, got an empty folder; name the "
            "folder that `fednids partition --export` wrote"
        )
    for first, second in pairwise(files):
        if gateway_name(first) == gateway_name(second):
            raise DataError(
                f"expected one flow file for gateway {gateway_name(first)}, got {first.name} and "
                f"{second.name} in {folder}; keep one of them"
            )
    return tuple(files)


def count_gateway_files(path: str) -> int:
    """Return the number of flow files of a folder, as `gateway_files` lists them; 0 without any."""
    try:
        return len(gateway_files(Path(path))) if path and Path(path).is_dir() else 0
    except DataError:
        return 0


def gateway_name(path: Path) -> str:
    """Return the name of a file's gateway: the file's own, without its endings."""
    name = path.name
    for packing in _PACKINGS:
        name = name.removesuffix(packing)
    return name or path.name
