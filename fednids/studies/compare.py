"""Strategies compared as a study, and finished runs compared as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fednids.config import Config, setting_names, short_name
from fednids.errors import ConfigError, RunError
from fednids.plain import number
from fednids.runs.reader import Run, load, run_folders
from fednids.studies.engine import StudyFolder
from fednids.studies.relevance import (
    STRATEGY,
    canonical,
    clean_twins,
    irrelevant,
    is_attacked,
)
from fednids.studies.report import StudyReport
from fednids.studies.statistics import (
    OF_BEST,
    RankedRun,
    Ranking,
    best_mean,
    measure_run,
    rank,
)
from fednids.studies.study import Study, make_study

STRATEGY_AXIS, ATTACK_AXIS = "strategy", "attack"
"""Axes of such a study."""

CLEAN = "clean"
"""Value of `ATTACK_AXIS` without malicious gateways."""

_ENTRY = re.compile(r"([^(),=\s]+)\s*(?:\(([^()]*)\))?")


def parse_strategies(text: str) -> dict[str, dict[str, str]]:
    """Read ``fedavg,fedprox(mu=0.1)``.

    Parameters
    ----------
    text : str
        Names with commas between; settings of one strategy in parentheses behind it, by
        ``key=value`` with commas between. A key without a section is one of the strategy's.

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
                "expected --strategies like fedavg,fedprox(mu=0.1), got "
                f"{part or 'an empty name'!r} in {text!r}; correct it"
            )
        settings = {STRATEGY: match[1], **_own(match[2] or "", part)}
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
        As `parse_strategies` returns them.
    settings : Mapping
        What all share, by ``section.key``.
    seeds : Sequence[int]
        Each strategy is run with each.
    target : float, optional
        Macro-F1 whose first round is reported; `OF_BEST` of the best without it.
    clean : bool
        Where the settings have malicious gateways, run every strategy without them as well.

    Raises
    ------
    ConfigError
        A setting is unknown, out of range, or decided by the comparison itself.
    """
    if STRATEGY in settings:
        raise ConfigError(
            f"expected the strategies in --strategies alone, got {STRATEGY}={settings[STRATEGY]} "
            "as well; leave it out"
        )
    axes = {STRATEGY_AXIS: [{"name": name, "settings": own} for name, own in strategies.items()]}
    shared = {k: v for k, v in settings.items() if not k.startswith("run.")}
    config = Config.resolve(shared, lenient=True)
    if clean and is_attacked(config):
        kind, share = config.attack.kind, config.attack.share
        attacked = {"attack.kind": kind, "attack.share": share}
        axes[ATTACK_AXIS] = [
            {"name": f"{kind} {share:g}", "settings": attacked},
            {"name": CLEAN, "settings": {"attack.kind": kind, "attack.share": 0.0}},
        ]
    wish = {"compare": STRATEGY_AXIS, "cross": False, "target": target or OF_BEST}
    tables = {
        "title": f"Strategies compared: {', '.join(strategies)}",
        "arms": ["federated"],
        "seeds": list(seeds),
        "settings": dict(settings),
        "axes": axes,
        "report": {**wish, "of_best": target is None},
    }
    return make_study(tables, "the command line")


def rank_report(report: StudyReport, out: Path) -> Ranking:
    """Rank the strategies of a contest that was run; clean twins are not ranked.

    Raises
    ------
    RunError
        No run has ended well.
    """
    folder, found = StudyFolder(out), dict[str, dict[str, RankedRun]]()
    for row in report.rows:
        place, run = dict(row.cell.place), row.cell.run
        ended = folder.finished(run)
        if not row.metrics or ended is None or place.get(ATTACK_AXIS) == CLEAN:
            continue
        entry = RankedRun(row.cell.seed, _plan(ended), row.metrics, ended.last_confusions)
        found.setdefault(place[STRATEGY_AXIS], {})[run.name] = entry
    if not found:
        raise RunError(f"expected finished runs to compare, got none in {out}; see {out / 'logs'}")
    return rank({name: tuple(runs.values()) for name, runs in found.items()}, report.target)


def _own(text: str, part: str) -> dict[str, str]:
    """Read the settings in the parentheses of a strategy."""
    found = {}
    for pair in filter(None, (pair.strip() for pair in text.split(","))):
        key, equals, value = (each.strip() for each in pair.partition("="))
        known = setting_names()
        names = (key, f"strategy.{key}", f"federation.{key}")
        name = next((each for each in names if each in known), "")
        if not equals or not name:
            raise ConfigError(
                f"expected settings like mu=0.1 in the parentheses of {part!r}, got "
                f"{pair!r}; `fednids config` lists them"
            )
        found[name] = value
    return found


_ELSEWHERE = ("data.path", "data.sha256", "run.seed")
_DEALT = "partition."


def rank_folders(paths: Sequence[Path], *, target: float | None = None) -> Ranking:
    """Rank finished runs.

    Parameters
    ----------
    paths : sequence of Path
        Run folders, or folders of sweeps, whose finished runs are taken.
    target : float, optional
        Macro-F1 whose first round is reported; a share of the best without it.

    Returns
    -------
    Ranking
        A contestant for each combination of the settings that differ. Runs of one seed and
        one plan are pairs, those of the centralised arm with any plan, and where settings of
        ``partition`` are what differs, runs of one seed are.

    Raises
    ------
    RunError
        A folder holds no finished run, there are fewer than two, or two runs have other flows,
        another split or another plan, or are the same.
    """
    runs = [open_finished(folder) for folder in run_folders(paths, finished=True)]
    if len(runs) < 2:
        raise RunError(
            f"expected at least two finished runs to compare, got {len(runs)}; name more folders"
        )
    _check_comparable(runs)
    names = _name_runs(runs)
    grouped: dict[str, list[Run]] = {}
    for run, name in zip(runs, names, strict=True):
        grouped.setdefault(name, []).append(run)
    _check_plans([run for each in grouped.values() for run in each])
    scored = [[number(run.result.final.macro_f1) for run in each] for each in grouped.values()]
    wanted = OF_BEST * best_mean(scored) if target is None else target
    results = {run.path: run.result for run in runs}
    twins = clean_twins({run.path: (run.kind, run.config) for run in runs})

    def measured(run: Run) -> RankedRun:
        clean = results[twins[run.path]] if run.path in twins else None
        metrics = measure_run(run, wanted, clean=clean)
        return RankedRun(run.config.run.seed, _plan(run), metrics, run.last_confusions)

    return rank({name: [measured(run) for run in each] for name, each in grouped.items()}, wanted)


def open_finished(path: Path) -> Run:
    """Read a finished run whose flows and plan are known.

    Raises
    ------
    RunError
        It is no folder of a finished run, or of a deployment, whose flows are elsewhere.
    """
    run = load(path)
    if not (run.result.partition.fingerprint and run.result.data.sha256):
        raise RunError(
            f"expected a finished run of a simulation, got {path} of a deployment, whose flows are "
            "at its gateways; name another"
        )
    return run


def _check_comparable(runs: Sequence[Run]) -> None:
    """Refuse runs that are not about the same flows and the same split.

    Flows that were read from a file have to be the same in all runs, synthetic ones in all runs
    of a seed; so has what decides on the test flows.
    """
    first: dict[int, Run] = {}
    for run in runs:
        for other in (runs[0], first.setdefault(run.config.run.seed, run)):
            same_seed = run.config.run.seed == other.config.run.seed
            theirs = _basis(other, same_seed=same_seed)
            for name, value in _basis(run, same_seed=same_seed).items():
                if value != theirs[name]:
                    raise RunError(
                        f"expected runs of the same {name}, got {short_value(theirs[name])} in "
                        f"{other.path} and {short_value(value)} in {run.path}; compare runs of the "
                        "same flows and split"
                    )


def _name_runs(runs: Sequence[Run]) -> list[str]:
    """Name runs by the arm and the settings that differ, as far as an arm reads them.

    Two runs with the same name and seed are refused.
    """
    read = [_read_settings(run) for run in runs]
    every = dict.fromkeys(name for run in runs for name in run.config.flat())
    differing = [name for name in every if len({each[name] for each in read if name in each}) > 1]
    several = len({run.kind for run in runs}) > 1
    names, seen = [], dict[tuple[str, int], Run]()
    for run, settings in zip(runs, read, strict=True):
        parts = [run.kind] if several else []
        parts += [_show(name, settings[name]) for name in differing if name in settings]
        name = " ".join(filter(None, parts)) or run.kind
        before = seen.setdefault((name, run.config.run.seed), run)
        if before is not run:
            raise RunError(
                f"expected runs that differ in a setting or the seed, got {before.path} and "
                f"{run.path}, which do not; name one of them"
            )
        names.append(name)
    return names


def _plan(run: Run) -> str:
    return str(run.result.partition.fingerprint)


def _basis(run: Run, *, same_seed: bool) -> dict[str, Any]:
    """Return what decides on the test flows, by its name for people."""
    facts, data = run.result.data, run.config.data
    found: dict[str, Any] = {
        "kind of flows (synthetic)": facts.synthetic,
        "number of flows": facts.flows,
        "data.split": data.split,
        "data.test_share": data.test_share,
        "model.classes": run.config.model.classes,
        "data.score_on": data.score_on,
    }
    if data.score_on == "validation":
        found["data.validation_share"] = data.validation_share
    if data.split == "grouped":
        found["data.features"] = data.features
    if same_seed or not facts.synthetic:
        found["flows (data sha256)"] = facts.sha256
    return found


def _check_plans(runs: Sequence[Run]) -> None:
    """Refuse runs of one seed whose plans differ though their settings do not."""
    dealt = [run for run in runs if run.kind != "centralised"]
    settings = [
        {name: value for name, value in _read_settings(run).items() if name.startswith(_DEALT)}
        for run in dealt
    ]
    if any(each != settings[0] for each in settings):
        return
    plans: dict[int, Run] = {}
    for run in dealt:
        other = plans.setdefault(run.config.run.seed, run)
        ours, theirs = _plan(run), _plan(other)
        if ours != theirs:
            raise RunError(
                f"expected runs of one plan for a seed, got {short_value(theirs)} in {other.path} "
                f"and {short_value(ours)} in {run.path}; run one of them again"
            )


def _read_settings(run: Run) -> dict[str, Any]:
    """Return the settings that the run's arm reads, but those that name flows and seed.

    Whether there are malicious gateways is always among them, where the arm has any use for them.
    """
    skipped = {*irrelevant(run.kind, run.config), *_ELSEWHERE}
    read = {name: value for name, value in run.config.flat().items() if name not in skipped}
    if run.kind == "centralised":
        return read
    standing = canonical(run.kind, run.config)
    share = standing.attack.share if is_attacked(standing) else 0.0
    kind = standing.attack.kind if share else "none"
    return {**read, "attack.kind": kind, "attack.share": share}


def _show(name: str, value: object) -> str:
    """Write a setting for people; what speaks for itself without its name."""
    if name in ("attack.kind", "attack.share") and value in ("none", 0.0):
        return "clean" if value == "none" else ""
    plain = name in (STRATEGY, "partition.scheme", "attack.kind")
    return str(value) if plain else f"{short_name(name)}={value}"


def short_value(value: object) -> str:
    """Write a value for a message, the first of many digits alone."""
    text = str(value)
    return f"{text[:12]}…" if len(text) > 40 else text
