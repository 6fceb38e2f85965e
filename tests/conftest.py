"""Settings of all tests: a cache of their own, no network, no noise, fixed examples."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings

_CACHE = tempfile.mkdtemp(prefix="fednids-tests-")
atexit.register(shutil.rmtree, _CACHE, ignore_errors=True)
os.environ["FEDNIDS_CACHE"] = _CACHE
os.environ["FLWR_TELEMETRY_ENABLED"] = "0"
os.environ["FLWR_DISABLE_UPDATE_CHECK"] = "1"
os.environ["MPLBACKEND"] = "Agg"

settings.register_profile(
    "fednids",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("fednids")


@pytest.fixture(autouse=True, scope="session")
def _quiet_flower() -> None:
    logging.getLogger("flwr").setLevel(logging.ERROR)
