"""Strategies over the same plans and seeds, as a study; and its runs as a ranking."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from fednids.config import KEYS, Config
from fednids.errors import ConfigError, RunError
from fednids.studies.folder import SweepFolder
from fednids.studies.measures import last_confusions
from fednids.studies.ranking import OF_BEST, Contestant, Entry, Ranking, rank
from fednids.studies.relevance import is_attacked
from fednids.studies.report import Report
from fednids.studies.study import Study, make_study

STRATEGY, ATTACK = "strategy", "attack"
"""Axes of such a study."""

CLEAN = "clean"
"""Value of `ATTACK` without liars."""

_ENTRY = re.compile(r"([^(),=\s]+)\s*(?:\(([^()]*)\))?")


def parse_strategies(text: str) -> dict[str, dict[str, str]]:
    """Read ``fedavg,fedprox(proximal_mu=0.1)``.

    Parameters
    ----------
    text : str
        Names with commas between; settings of one strategy in parentheses behind it, by
        ``key=value`` with commas between. A key without a section is one of ``federation``.

    Returns
    -------
    dict
        Settings by ``section.key``, the strategy included, by what it is called in tables.

    Raises
    ------
    ConfigError
        Something else is written, or the same twice.
    """
    parts = [part.strip() for part in re.split(r",(?![^(]*\))", text)]
    found: dict[str, dict[str, str]] = {}
    for part in parts:
        match = _ENTRY.fullmatch(part)
        if not match:
            raise ConfigError(
                "expected --strategies like fedavg,fedprox(proximal_mu=0.1), got "
                f"{part or 'an empty name'!r} in {text!r}; correct it"
            )
        settings = {"federation.strategy": match[1], **_own(match[2] or "", part)}
        shown = ", ".join(pair.strip() for pair in (match[2] or "").split(",") if pair.strip())
        name = f"{match[1]}({shown})" if shown else match[1]
        if name in found:
            raise ConfigError(
                f"expected every strategy once, got {name} twice in {text!r}; remove one"
            )
        found[name] = settings
    return found


def make_contest(
    strategies: Mapping[str, Mapping[str, object]],
    settings: Mapping[str, object],
    seeds: Sequence[int],
    *,
    target: float | None = None,
    clean: bool = True,
) -> Study:
    """Make the study that compares strategies.

    Parameters
    ----------
    strategies : Mapping
        As `parse_strategies` gives them.
    settings : Mapping
        What all share, by ``section.key``.
    seeds : Sequence[int]
        Each strategy is run with each.
    target : float, optional
        Macro-F1 whose first round is told; `OF_BEST` of the best without it.
    clean : bool
        Where the settings have liars, run every strategy without them as well.

    Raises
    ------
    ConfigError
        A setting is unknown, out of range, or decided by the comparison itself.
    """
    if "federation.strategy" in settings:
        raise ConfigError(
            "expected the strategies in --strategies alone, got federation.strategy="
            f"{settings['federation.strategy']} as well; leave it out"
        )
    axes = {STRATEGY: [{"name": name, "settings": own} for name, own in strategies.items()]}
    config = Config.resolve({k: v for k, v in settings.items() if not k.startswith("run.")})
    if clean and is_attacked(config):
        kind, share = config.attack.kind, config.attack.share
        attacked = {"attack.kind": kind, "attack.share": share}
        axes[ATTACK] = [
            {"name": f"{kind} {share:g}", "settings": attacked},
            {"name": CLEAN, "settings": {"attack.kind": kind, "attack.share": 0.0}},
        ]
    wish = {"compare": STRATEGY, "cross": False, "target": target or OF_BEST}
    tables = {
        "title": f"Strategies compared: {', '.join(strategies)}",
        "arms": ["federated"],
        "seeds": list(seeds),
        "settings": dict(settings),
        "axes": axes,
        "report": {**wish, "of_best": target is None},
    }
    return make_study(tables, "the command line")


def rank_report(report: Report, out: Path) -> Ranking:
    """Rank the strategies of a contest that was run; clean twins are not ranked.

    Raises
    ------
    RunError
        No run has ended well.
    """
    folder, found = SweepFolder(out), dict[str, dict[str, Entry]]()
    for row in report.rows:
        place, run = dict(row.cell.place), row.cell.run
        result = folder.result(run)
        if not row.metrics or result is None or place.get(ATTACK) == CLEAN:
            continue
        confusions = last_confusions(folder.run(run), len(result["final"]["classes"]))
        plan = result["partition"]["fingerprint"]
        entry = Entry(row.cell.seed, plan, row.metrics, confusions)
        found.setdefault(place[STRATEGY], {})[run.name] = entry
    if not found:
        raise RunError(f"expected finished runs to compare, got none in {out}; see {out / 'logs'}")
    contestants = [Contestant(name, tuple(runs.values())) for name, runs in found.items()]
    return rank(contestants, report.target)


def _own(text: str, part: str) -> dict[str, str]:
    """Read the settings in the parentheses of a strategy."""
    found = {}
    for pair in filter(None, (pair.strip() for pair in text.split(","))):
        key, equals, value = (each.strip() for each in pair.partition("="))
        name = key if "." in key else f"federation.{key}"
        if not equals or name not in KEYS:
            raise ConfigError(
                f"expected settings like proximal_mu=0.1 in the parentheses of {part!r}, got "
                f"{pair!r}; `fednids config` lists them"
            )
        found[name] = value
    return found
