"""Packages that a sink needs and fednids does not."""

from __future__ import annotations

import importlib
from types import ModuleType

from fednids.errors import SetupError


def demand_package(name: str, install: str, sink: str) -> ModuleType:
    """Import a package.

    Parameters
    ----------
    name : str
        The module.
    install : str
        What to tell pip.
    sink : str
        Who needs it.

    Raises
    ------
    SetupError
        It is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        reason = " ".join(str(error).split())[:200]
        raise SetupError(
            f"expected the package {name} for --track {sink}, got none ({reason}); "
            f"pip install '{install}'"
        ) from None
