"""Plug-ins in tests: loaded by a command in this process, and forgotten afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fednids import extensions
from fednids.extensions import ALGORITHMS, DATASETS, INHERITED, NETWORKS, PARTITIONERS, SINKS

_REGISTRIES = (ALGORITHMS, DATASETS, NETWORKS, PARTITIONERS, SINKS)


@contextmanager
def forget_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin without any, and forget those that are loaded meanwhile."""
    with monkeypatch.context() as patch:
        patch.setenv(INHERITED, "[]")
        patch.setattr(extensions, "_loaded", [])
        for registry in _REGISTRIES:
            patch.setattr(registry, "_found", dict(registry._found))
            patch.setattr(registry, "_plugged", dict(registry._plugged))
        try:
            yield
        finally:
            for name in [name for name in sys.modules if name.startswith("fednids_plugin_")]:
                del sys.modules[name]
