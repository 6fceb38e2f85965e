"""What an arm depends on: the one place that says which cells are the same run.

A setting that an arm does not read is set to one fixed value. Two cells whose settings are
then equal are one run. The claims are tested: runs and plans that differ only in what is
left out here have the same bits.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import fields
from typing import TypeVar

from fednids.config import AttackConfig, Config
from fednids.config.folder import FILES
from fednids.simulation.adversaries.malicious import unread_settings
from partitions import PartitionParameters

DIALS: dict[str, tuple[str, ...]] = {
    "iid": (),
    "dirichlet": ("alpha",),
    "inner-dirichlet": ("alpha",),
    "pathological": ("classes_per_gateway",),
    "extended-dirichlet": ("classes_per_gateway", "alpha"),
    "shards": ("shards_per_gateway",),
    "withheld": ("withheld", "withheld_share"),
    "quantity": ("alpha",),
    "linear": (),
    "square": (),
    "exponential": (),
    "log-normal": ("spread",),
    "power-law": ("spread",),
    "feature": ("feature", "strength"),
    "noise": ("noise",),
    "host": ("host_side",),
    "host-dirichlet": ("alpha", "host_side", "prefix"),
    "blocks": (),
}
"""Settings under ``partition`` that a scheme reads beside those that all read. ``mixed``
reads what its two schemes read; a scheme that is not here is taken to read everything."""

STRATEGY = "strategy.name"
"""The setting that names the strategy."""

PATTERN_DIALS: dict[str, tuple[str, ...]] = {
    "always": (),
    "random": ("share",),
    "daily": ("share", "day"),
    "sessions": ("share", "stay"),
}
"""Settings under ``availability`` that a pattern reads beside those that all read."""

_ALL_DIALS = {*(field.name for field in fields(PartitionParameters)), "noise"} - {"minimum"}
_POOLED: dict[str, object] = {
    "partition.scheme": "iid",
    "partition.gateways": 1,
    "partition.minimum": 2,
}
_DEFAULTS = Config().flat()


def scheme_dials(config: Config) -> tuple[str, ...]:
    """Return the settings under ``partition`` that the scheme alone reads."""
    partition = config.partition
    if partition.scheme == FILES:
        return ()
    if partition.scheme == "mixed":
        pair = (partition.label_scheme, partition.size_scheme)
        inside = (dial for name in pair for dial in DIALS.get(name, ()))
        return tuple(dict.fromkeys(("label_scheme", "size_scheme", *inside)))
    return DIALS.get(partition.scheme, tuple(sorted(_ALL_DIALS)))


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
        Strategies and schemes read their own dials, liars those of ``attack``: they lie to a
        server, and to nobody in the other arms. With a plan file, which may hold any
        scheme's plan, all of ``partition`` is taken to matter.
    """
    unread = set[str]() if config.partition.plan else _ALL_DIALS - set(scheme_dials(config))
    found = {"run.engine", "run.workers", *(f"partition.{name}" for name in unread)}
    if arm != "federated":
        served = ("federation.", "strategy.", "availability.", "clock.", "wire.")
        led = {name for name in config.flat() if name.startswith(served)}
        found |= {"train.stack", *led} - {"federation.rounds"}
    else:
        found |= _unread_of_world(config)
    partition = config.partition
    in_the_flows = partition.scheme == "noise" or partition.plan or partition.unseen_gateways
    if arm == "centralised" and not in_the_flows:
        dealt = {name for name in config.flat() if name.startswith("partition.")}
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
    """Return whether any gateway lies."""
    return config.attack.share > 0 and config.attack.kind != "none"


def canonical(arm: str, config: Config) -> Config:
    """Return the settings that stand for all that an arm cannot tell apart.

    Returns
    -------
    Config
        Defaults for what does not matter; one gateway for the centralised arm. Training is
        in the process of the run, which its sweep binds to one processor.
    """
    settings: dict[str, object] = dict(config.flat())
    skipped = irrelevant(arm, config)
    for name in skipped & settings.keys():
        settings[name] = _DEFAULTS.get(name)
    settings = {name: value for name, value in settings.items() if value is not None}
    settings.update({name: value for name, value in _POOLED.items() if name in skipped})
    settings["run.engine"] = "inprocess"
    return Config.resolve(settings, lenient=True)


Name = TypeVar("Name", bound=Hashable)

_ATTACK = tuple(f"attack.{name}" for name in AttackConfig.model_fields)
_GUARDS = ("strategy.malicious", "strategy.beta")
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
        (``strategy.malicious`` and ``strategy.beta``): in a study where these follow the
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
    cleaned = {name: value for name, value in config.flat().items() if name not in without}
    settings = canonical(arm, Config.resolve(cleaned)).flat()
    return f"{without} {arm} {[(k, v) for k, v in settings.items() if k != 'data.path']}"
