"""What an arm depends on: the one place that decides which cells are the same run.

A setting that an arm does not read is set to one fixed value. Two cells whose settings are
then equal are one run. The claims are tested: runs and plans that differ only in what is
left out here have the same bits.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

from fednids.config import AttackConfig, Config
from fednids.simulation.adversaries.malicious import unread_settings

STRATEGY = "strategy.name"
"""The setting that names the strategy."""

PATTERN_DIALS: dict[str, tuple[str, ...]] = {
    "always": (),
    "random": ("share",),
    "daily": ("share", "day"),
    "sessions": ("share", "stay"),
}
"""Settings under ``availability`` that a pattern reads beside those that all read."""

_POOLED: dict[str, object] = {
    "partition.scheme": "iid",
    "partition.gateways": 1,
    "partition.minimum": 2,
}
_DEFAULTS = Config().flat()


def irrelevant(arm: str, config: Config) -> frozenset[str]:
    """Return the settings that do not change what an arm ends with.

    Parameters
    ----------
    arm : {"centralised", "local", "federated"}
        Way to train.
    config : Config
        Its settings: what matters depends on the scheme and the strategy.

    Returns
    -------
    frozenset of str
        Names ``section.key``. Engine and workers never matter. The centralised arm has one
        gateway with all flows, so the deal does not matter, but for noise, which is in the
        flows, and for gateways whose flows are held out. The two arms without a server read only
        the number of rounds of its settings, and nothing of who is there, how fast they are,
        and what is sent.
        Strategies read their own settings, malicious gateways those of ``attack``: they send
        wrong updates to a server, which the other arms do not have.
    """
    found, names = {"run.engine", "run.workers"}, config.flat()
    if arm != "federated":
        served = ("federation.", "strategy.", "availability.", "clock.", "wire.")
        led = {name for name in names if name.startswith(served)}
        found |= {"train.stack", *led} - {"federation.rounds"}
    else:
        found |= _unread_of_world(config)
    partition = config.partition
    in_the_flows = partition.scheme == "noise" or partition.plan or partition.unseen_gateways
    if arm == "centralised" and not in_the_flows:
        dealt = {name for name in names if name.startswith("partition.")}
        found |= dealt - {"partition.arrival"}
    alone = AttackConfig.model_fields if arm != "federated" else unread_settings(config.attack)
    found |= {f"attack.{name}" for name in alone}
    return frozenset(found)


def _unread_of_world(config: Config) -> set[str]:
    """Name what a pattern, or a server that waits for all, does not read of the world."""
    there = config.availability
    unread = {"share", "day", "stay"} - set(PATTERN_DIALS[there.pattern])
    found = {f"availability.{name}" for name in unread}
    return found if config.clock.deadline else found | {"clock.stragglers"}


def is_attacked(config: Config) -> bool:
    """Return whether any gateway is malicious."""
    return config.attack.share > 0 and config.attack.kind != "none"


def canonical(arm: str, config: Config) -> Config:
    """Return the settings that stand for all with which an arm ends alike.

    Returns
    -------
    Config
        Defaults for what does not matter; one gateway for the centralised arm. Training is
        in the process of the run, which its sweep binds to one processor.
    """
    skipped = irrelevant(arm, config)
    fixed = {**_DEFAULTS, **_POOLED}
    settings: dict[str, object] = {
        name: fixed[name] if name in skipped else value
        for name, value in config.flat().items()
        if name not in skipped or name in fixed
    }
    settings["run.engine"] = "inprocess"
    return Config.resolve(settings, lenient=True)


Name = TypeVar("Name", bound=Hashable)

_ATTACK = tuple(f"attack.{name}" for name in AttackConfig.model_fields)
_GUARDS = ("strategy.malicious", "strategy.beta")
"""How many malicious gateways a rule assumes: part of the attack where no other twin is there."""

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
        Where there is none, one is taken that differs in how many malicious gateways a rule
        assumes as well (``strategy.malicious`` and ``strategy.beta``): in a study where these
        follow the share, its clean run has 0.
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
    cleaned = {name: value for name, value in config.flat().items() if name not in without}
    settings = canonical(arm, Config.resolve(cleaned, lenient=True)).flat()
    return f"{without} {arm} {[(k, v) for k, v in settings.items() if k != 'data.path']}"
