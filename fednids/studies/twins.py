"""Clean twins: for a run under attack, the run that differs in the attack alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

from fednids.config import KEYS, Config
from fednids.studies.relevance import canonical, is_attacked

Name = TypeVar("Name", bound=Hashable)

_DEFAULTS = Config().flat()
_ATTACK = tuple(name for name in KEYS if name.startswith("attack."))
_GUARDS = ("federation.malicious", "federation.beta")
"""How many liars a rule is told of: part of the attack where no other twin is there."""

_MAY_DIFFER = (("attack.share",), _ATTACK, ("attack.share", *_GUARDS), (*_ATTACK, *_GUARDS))
"""What a twin may differ in, the closest first."""


def clean_twins(runs: Mapping[Name, tuple[str, Config]]) -> dict[Name, Name]:
    """Find the clean twin of every run under attack.

    Parameters
    ----------
    runs : Mapping
        Arm and settings of each run, by its name.

    Returns
    -------
    dict
        Name of the twin by the name of the attacked run; those without one are left out.
        A twin has equal settings but ``attack``, and one with the same trigger comes first.
        Where there is none, one is taken that differs in what a rule is told of liars as well
        (``federation.malicious`` and ``federation.beta``): in a study where these follow the
        share, its clean run has 0.
    """
    clean: dict[str, Name] = {}
    for name, (arm, config) in runs.items():
        if not is_attacked(config):
            for without in _MAY_DIFFER:
                clean.setdefault(_key(arm, config, without), name)
    found = {}
    for name, (arm, config) in runs.items():
        if is_attacked(config):
            twins = (clean.get(_key(arm, config, without)) for without in _MAY_DIFFER)
            twin = next((each for each in twins if each is not None), None)
            if twin is not None:
                found[name] = twin
    return found


def _key(arm: str, config: Config, without: tuple[str, ...]) -> str:
    """Write down all but what may differ, and where flows of that content lie."""
    cleaned = {**config.flat(), **{name: _DEFAULTS[name] for name in without}}
    settings = canonical(arm, Config.resolve(cleaned)).flat()
    return f"{without} {arm} {[(k, v) for k, v in settings.items() if k != 'data.path']}"
