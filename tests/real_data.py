"""Where the tests find the real flows; they skip, saying why, where there are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "data"


def real_file(name: str) -> Path:
    """Give the path of the real file called ``name``, or skip the calling test."""
    told = os.environ.get("FEDNIDS_REAL_DATA")
    folder = Path(told) if told else _BESIDE_CHECKOUT
    if not folder.is_dir():
        pytest.skip(f"no real flows: set FEDNIDS_REAL_DATA, or put them in {_BESIDE_CHECKOUT}")
    if not (folder / name).is_file():
        pytest.skip(f"no real flows: {folder} holds no {name}")
    return folder / name
