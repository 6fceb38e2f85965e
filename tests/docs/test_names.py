"""The pages of the project name modules, functions and files that exist."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from fednids.extensions import ALGORITHMS, DATASETS, NETWORKS, PARTITIONERS, SINKS

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CHANGELOG.md", "ARCHITECTURE.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(ROOT.glob("[!.]*/README.md")),
    ROOT / "benchmarks" / "RESULTS.md",
]
PACKAGES = "fednids|server|clients|partitions|benchmarks"
NAME = re.compile(rf"(?<![\w./-])((?:{PACKAGES})(?:\.[A-Za-z_]\w*)+)")
PATH = re.compile(rf"(?<![\w./-])((?:{PACKAGES}|tests|docs)/[\w./-]*\w/?)")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
IN_A_FEDERATION = {"server.key", "server/server.key", "server/state/superlink.log"}
"""Files in the folder that `fednids deploy init` writes, which has a folder `server`, too."""
REGISTRIES = (ALGORITHMS, NETWORKS, DATASETS, PARTITIONERS, SINKS)
ENTRY_POINTS = {f"fednids.{registry.kind.replace(' ', '')}s" for registry in REGISTRIES}
"""Groups of entry points, which are named as modules are."""


def exists(name: str) -> bool:
    """Check for a module, or for what a module defines, importing as little as that needs."""
    module, _, rest = name.partition(".")
    found = importlib.import_module(module)
    for part in rest.split("."):
        if not isinstance(found, ModuleType):
            return hasattr(found, part)
        module = f"{found.__name__}.{part}"
        if hasattr(found, part):
            found = getattr(found, part)
        elif hasattr(found, "__path__") and importlib.util.find_spec(module):
            found = importlib.import_module(module)
        else:
            return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_and_paths_exist(page: Path) -> None:
    text = page.read_text()
    names = set(NAME.findall(text)) - IN_A_FEDERATION - ENTRY_POINTS
    paths = set(PATH.findall(text)) - IN_A_FEDERATION
    missing = [name for name in sorted(names) if not exists(name)]
    missing += [path for path in sorted(paths) if not (ROOT / path).exists()]
    missing += [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    assert not missing


def test_a_missing_name_is_found() -> None:
    assert exists("fednids.experiment.load")
    assert not exists("fednids.experiment.unheard_of")
    assert not exists("server.strategies")
    assert NAME.findall("as `server.strategies.STRATEGIES` says") == [
        "server.strategies.STRATEGIES"
    ]
    assert PATH.findall("see (`server/riding.py`).") == ["server/riding.py"]
