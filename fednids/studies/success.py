"""How far an attack got in a finished run, absolutely and beyond its clean twin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fednids.metrics import ConfusionCounts
from fednids.metrics.success import attack_success, relative_success
from fednids.simulation.adversaries.attacks import find_attack
from fednids.studies.statistics import mean_of, number

_NAMES = ("attack_success", "attack_over_clean", "attack_relative", "macro_f1_over_clean")


def measure_attack(result: Mapping[str, Any], clean: Mapping[str, Any] | None) -> dict[str, float]:
    """Give the success of an attack.

    Parameters
    ----------
    result : Mapping
        ``result.json``; its entry ``attack`` tells the success by attack class.
    clean : Mapping, optional
        That of the clean twin.

    Returns
    -------
    dict
        Means over the attack classes that have test flows; all NaN for a run without liars.
        ``attack_success`` is absolute, ``attack_over_clean`` minus the clean run's,
        ``attack_relative`` as `fednids.metrics.success.relative_success`, and
        ``macro_f1_over_clean`` the macro-F1 minus the clean run's, where there is one.
    """
    found = result.get("attack") or {}
    if not found.get("share"):
        return dict.fromkeys(_NAMES, math.nan)
    success = _rates(found)
    before = _clean_rates(clean, found["kind"]) if clean else {}
    beyond = [success[name] - before[name] for name in success if name in before]
    relative = list(relative_success(success, before).values())
    lost = math.nan
    if clean:
        lost = number(result["final"]["macro_f1"]) - number(clean["final"]["macro_f1"])
    values = (mean_of(list(success.values())), mean_of(beyond), mean_of(relative), lost)
    return dict(zip(_NAMES, values, strict=True))


def _clean_rates(clean: Mapping[str, Any], kind: str) -> dict[str, float]:
    """Give what a clean detector takes for benign.

    A backdoor's success is over flows with its trigger; a clean run that was not shown any
    says nothing about them.
    """
    shown = clean.get("attack") or {}
    if shown.get("kind") == kind and shown.get("success"):
        return _rates(shown)
    if find_attack(kind).trigger:
        return {}
    final = clean["final"]
    counts = ConfusionCounts(np.array(final["confusion"], np.int64))
    return attack_success(counts, final["classes"])


def _rates(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: number(rate) for name, rate in found.get("success", {}).items()}
