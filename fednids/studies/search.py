"""A search over settings, judged by validation flows alone: ``fednids tune``.

Candidates race over the seeds (successive halving, Jamieson and Talwalkar 2016, with seeds in
place of training time, since a shorter training has another schedule of the learning rate): all
are run with the first seed, the better share of them with the next, and so on. No run has its
test flows: ``data.score_on=validation`` takes them away before training.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import tomli_w
from pydantic import Field, field_validator, model_validator

from fednids.config import Section, short_name
from fednids.errors import ConfigError, RunError
from fednids.experiment.execution import check_settings
from fednids.files import write_atomically
from fednids.report.tables import SYNTHETIC
from fednids.runs.records import ResultRecord
from fednids.seeding import Stream, generator
from fednids.studies.engine import Failed, StudyFolder, Watcher, carry_out, processors
from fednids.studies.statistics import mean_of, show_number
from fednids.studies.study import (
    FlatSettings,
    Study,
    StudyCell,
    Variant,
    check_settings_of_study,
    checked,
    expand,
    make_study,
    read_toml,
    refuse_twice,
)

SEARCH, REPORT = "search.toml", "report.md"
"""Definition and report of a search, in its folder."""

DEFAULT = "default"
_OF_VALIDATION = ("data.score_on", "data.validation_share")
"""The candidate with the settings that are there already."""

_CANDIDATE, _CASE = "candidate", "case"
_SHARE = 0.2
_JUDGED_BY = ("data.", "partition.", "run.", "model.classes", "attack.")
_MAY_VARY = ("data.window", "data.features")
_START_SECONDS = 30.0


class Band(Section):
    """Where a setting is drawn from.

    Attributes
    ----------
    low, high : float
        Its ends, both included; whole numbers are drawn between whole ends.
    log : bool
        Draw evenly on a logarithmic scale.
    """

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(
                f"expected low below high{', both above 0 for log' if self.log else ''}, got "
                f"{self.low:g} and {self.high:g}; correct them"
            )
        return self

    def draw(self, rng: np.random.Generator) -> int | float:
        """Draw a value, of three digits where it is no whole number."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        value = rng.uniform(low, high)
        value = math.exp(value) if self.log else value
        if isinstance(self.low, int) and isinstance(self.high, int):
            return min(max(round(value), self.low), self.high)
        return min(max(float(f"{value:.3g}"), self.low), self.high)


class Search(Section):
    """What is searched, as in a search file.

    Attributes
    ----------
    title : str
        One line.
    arm : {"federated", "centralised", "local"}
        The arm that is tuned.
    seeds : tuple of int
        Candidates race over these, in this order.
    settings : dict
        What all candidates share, by ``section.key``.
    space : dict
        By ``section.key`` a list of values, or a `Band`.
    candidates : tuple of Variant
        Settings that go together and are tried as they are, beside those from the space.
    trials : int
        How many candidates are drawn from the space; 0 for all combinations of its lists.
    cases : tuple of Variant
        Situations that each candidate is run in, such as deals to gateways; its score is the
        mean over them. None is one without a name.
    keep : float
        Share of the candidates that goes on to the next seed, the better ones.
    finalists : int
        Fewest that go on, beside the default.
    rare : tuple of str
        Classes with so few validation flows that the score leaves them out.
    alarm_cost : float
        What a false-alarm rate of 1 takes off the score, a macro-F1.
    """

    title: str = Field(min_length=1)
    arm: Literal["federated", "centralised", "local"] = "federated"
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (1, 2, 3)
    settings: FlatSettings = Field(default_factory=dict)
    space: FlatSettings = Field(default_factory=dict)
    candidates: tuple[Variant, ...] = ()
    trials: int = Field(0, ge=0, le=10_000)
    cases: tuple[Variant, ...] = ()
    keep: float = Field(0.5, gt=0, le=1)
    finalists: int = Field(2, ge=1)
    rare: tuple[str, ...] = ()
    alarm_cost: float = Field(0.0, ge=0)

    _known = field_validator("settings", "space")(check_settings_of_study)

    @model_validator(mode="after")
    def _is_a_search(self) -> Self:
        varied = {*self.space, *(name for each in self.candidates for name in each.settings)}
        for each in self.cases:
            if both := sorted(varied & each.settings.keys()):
                raise ValueError(
                    f"expected {both[0]} in one place, got it in the case {each.name} and among "
                    "what is tried; keep one"
                )
        for name in sorted(varied):
            if name.startswith(_JUDGED_BY) and name not in _MAY_VARY:
                raise ValueError(
                    f"expected settings that leave the flows as they are, got {name}; candidates "
                    "are judged on the same flows: put it under [settings] or [[cases]]"
                )
        if self.settings.get("data.score_on", "validation") != "validation":
            raise ValueError(
                "expected data.score_on=validation in a search, got "
                f"{self.settings['data.score_on']}; test flows choose nothing"
            )
        refuse_twice("[[candidates]]", [DEFAULT, *(each.name for each in self.candidates)])
        if not self.space and not self.candidates:
            raise ValueError("expected a [space] or [[candidates]], got neither; add one")
        return self

    @model_validator(mode="after")
    def _has_a_space(self) -> Self:
        for name, wish in self.space.items():
            if not isinstance(wish, (dict, list)) or not wish:
                raise ValueError(
                    f"expected a list of values, or low and high, for {name}, got {wish!r}; write "
                    f"{name} = [...]"
                )
            if isinstance(wish, dict):
                checked(Band, wish, f"the space, {name}")
                if not self.trials:
                    raise ValueError(
                        f"expected trials above 0 for the range of {name}, got 0; set how many "
                        "candidates are drawn"
                    )
        return self

    def drawn(self) -> tuple[Variant, ...]:
        """Return all candidates, the default first; the same ones each time."""
        found = {DEFAULT: Variant(name=DEFAULT, settings={})}
        found |= {each.name: each for each in self.candidates}
        rng = generator(self.seeds[0], Stream.SEARCH)
        for settings in self._grid() if not self.trials else self._draws(rng):
            name = ", ".join(f"{short_name(key)}={value}" for key, value in settings.items())
            found.setdefault(name, Variant(name=name, settings=settings))
        return tuple(found.values())

    def _grid(self) -> Iterator[dict[str, Any]]:
        if self.space:
            for values in itertools.product(*self.space.values()):
                yield dict(zip(self.space, values, strict=True))

    def _draws(self, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
        for _ in range(self.trials):
            yield {
                name: wish[rng.integers(len(wish))]
                if isinstance(wish, list)
                else Band.model_validate(wish).draw(rng)
                for name, wish in self.space.items()
            }

    def study(self) -> Study:
        """Return the study of all that may be run: candidates, cases and seeds.

        Raises
        ------
        ConfigError
            A setting is unknown, out of range, or stands in two places.
        """
        settings = {"data.validation_share": _SHARE, **self.settings, "data.score_on": "validation"}
        axes = {_CANDIDATE: self.drawn(), **({_CASE: self.cases} if self.cases else {})}
        tables = {
            "title": self.title,
            "arms": [self.arm],
            "seeds": list(self.seeds),
            "settings": settings,
            "axes": {name: [each.model_dump() for each in axis] for name, axis in axes.items()},
        }
        return make_study(tables, "the search")

    def changed(
        self, settings: Mapping[str, object], *, seeds: tuple[int, ...] | None = None
    ) -> Search:
        """Return the search with other shared settings, and other seeds where some are given."""
        changes: dict[str, object] = {"settings": {**self.settings, **settings}}
        if seeds is not None:
            changes["seeds"] = seeds
        return checked(Search, {**self.model_dump(), **changes}, "the command line")

    def score(self, result: ResultRecord) -> float:
        """Return the macro-F1 without rare classes, less the cost of false alarms."""
        final = result.final
        cost = self.alarm_cost * (final.false_alarm_rate or 0.0)
        return final.macro_f1_without(self.rare) - cost


def read_search(name: str) -> Search:
    """Read a search file.

    Raises
    ------
    ConfigError
        There is none, or something in it is wrong; the message says where.
    """
    path = Path(name)
    if not path.is_file():
        raise ConfigError(
            f"expected a search file, got {name!r}; see docs/tuning.md for one to begin with"
        )
    return checked(Search, read_toml(path), str(path))


@dataclass
class Candidate:
    """A combination of settings, and how far it came.

    Attributes
    ----------
    name : str
        What it changes, for people; `DEFAULT` for nothing.
    settings : Mapping[str, Any]
        What it changes.
    scores : dict
        By seed; the mean over the cases.
    rates : dict
        By seed: macro-F1 over all classes, false-alarm rate and seconds, means over the cases.
    reason : str
        Why it ended early, where a run failed.
    """

    name: str
    settings: Mapping[str, Any]
    scores: dict[int, float] = field(default_factory=dict)
    rates: dict[int, tuple[float, float, float]] = field(default_factory=dict)
    reason: str = ""

    @property
    def score(self) -> float:
        """Mean over the seeds that it was run with; NaN without any."""
        return mean_of(list(self.scores.values()))

    def over(self, other: Candidate) -> list[float]:
        """Return the differences to another candidate, of the seeds that both were run with."""
        both = self.scores.keys() & other.scores.keys()
        return [self.scores[seed] - other.scores[seed] for seed in sorted(both)]


@dataclass(frozen=True)
class SearchReport:
    """What a search found.

    Attributes
    ----------
    search : Search
        The definition.
    candidates : tuple of Candidate
        Those with most seeds first, by score.
    flows : Mapping[str, int]
        Validation flows of each class that the first case was judged by with the first seed.
    trained : int
        Training flows beside them.
    synthetic : bool
        Whether flows were made and not measured.
    failed : tuple of Failed
        Runs that did not end well.
    """

    search: Search
    candidates: tuple[Candidate, ...]
    flows: Mapping[str, int]
    trained: int
    synthetic: bool
    failed: tuple[Failed, ...]

    @property
    def best(self) -> Candidate:
        """The candidate with the best score among those with all seeds."""
        return self.candidates[0]

    @property
    def default(self) -> Candidate:
        """The settings that were there already."""
        return next(each for each in self.candidates if each.name == DEFAULT)

    def to_json(self) -> dict[str, Any]:
        """Return the report in plain types."""
        return {
            "title": self.search.title,
            "judged_by": "validation flows",
            "validation_flows": dict(self.flows),
            "training_flows": self.trained,
            "test_flows": 0,
            "synthetic": self.synthetic,
            "best": self.best.name,
            "candidates": [
                {
                    "name": each.name,
                    "settings": dict(each.settings),
                    "score": None if math.isnan(each.score) else each.score,
                    "scores": {str(seed): value for seed, value in each.scores.items()},
                    "rates": {
                        str(seed): dict(zip(("macro_f1", "false_alarm_rate", "seconds"), found,
                                            strict=True))
                        for seed, found in each.rates.items()
                    },
                    "reason": each.reason,
                }
                for each in self.candidates
            ],
            "failed": [vars(each) for each in self.failed],
        }  # fmt: skip


def run_search(
    search: Search, out: Path, *, workers: int = 0, watcher: Watcher | None = None
) -> SearchReport:
    """Run what is missing of a search, and write its report.

    Parameters
    ----------
    search : Search
        What to search. A candidate with the same settings as one before it is left out.
    out : Path
        A new folder, or that of a search that was stopped, which goes on.
    workers : int
        Runs at once, each bound to a processor; 0 for one a processor.
    watcher : Watcher, optional
        Follows each run.

    Raises
    ------
    FednidsError
        Found before anything runs, or no candidate was left.
    InterruptedRunError
        Ctrl-C; it says how to go on.
    """
    ours, folder = processors(workers), StudyFolder(out)
    content = tomli_w.dumps(search.model_dump())
    if folder.is_begun(SEARCH) and (out / SEARCH).read_text(encoding="utf-8") != content:
        raise RunError(
            f"expected the search of {out} as it was begun, got another; name another folder"
        )
    cells = expand(search.study())
    for cell in cells:
        check_settings(cell.run.config)
    different: dict[tuple[str, ...], Candidate] = {}
    for tried in search.drawn():
        runs_of = tuple(c.run.name for c in cells if dict(c.place)[_CANDIDATE] == tried.name)
        different.setdefault(runs_of, Candidate(tried.name, tried.settings))
    candidates = {each.name: each for each in different.values()}
    failed: list[Failed] = []

    def stopped() -> str:
        return f"stopped; all of it is in {out}, and the same command goes on from there"

    with folder.opened(SEARCH, content):
        racing = list(candidates.values())
        for place, seed in enumerate(search.seeds):
            names = {each.name for each in racing}
            here = [c for c in cells if c.seed == seed and dict(c.place)[_CANDIDATE] in names]
            runs = {cell.run.name: cell.run for cell in here}
            missing = [run for run in runs.values() if not folder.is_finished(run)]
            steps = [folder.step([run], _START_SECONDS) for run in missing]
            failed += carry_out(
                folder, steps, ours,
                finished=len(runs) - len(missing), watcher=watcher, stopped=stopped,
            )  # fmt: skip
            for each in racing:
                _judge(each, seed, search, folder, here)
            left = place + 1 < len(search.seeds)
            racing = _better([each for each in racing if not each.reason], search, last=not left)
        if not any(each.scores for each in candidates.values()):
            raise RunError(
                f"expected a candidate whose runs end well, got none; see {out / 'logs'}"
            )
        report = _report(search, candidates, folder, cells, failed)
        shown = json.dumps(report.to_json(), indent=2, allow_nan=False)
        write_atomically(out / "report.json", shown.encode())
        write_atomically(out / REPORT, to_markdown(report).encode())
    return report


def _judge(
    candidate: Candidate, seed: int, search: Search, folder: StudyFolder, cells: Sequence[StudyCell]
) -> None:
    """Take note of a candidate's scores with a seed, or of why there are none."""
    results = []
    for cell in cells:
        if dict(cell.place)[_CANDIDATE] == candidate.name:
            run = folder.finished(cell.run)
            if run is None:
                candidate.reason = f"failed with seed {seed}"
                return
            results.append(run.result)
    candidate.scores[seed] = mean_of([search.score(each) for each in results])
    finals = [each.final for each in results]
    candidate.rates[seed] = (
        mean_of([each.macro_f1 or 0.0 for each in finals]),
        mean_of([each.false_alarm_rate or 0.0 for each in finals]),
        mean_of([each.seconds.total for each in results]),
    )


def _better(racing: Sequence[Candidate], search: Search, *, last: bool) -> list[Candidate]:
    """Return those that go on, the default always among them."""
    if last:
        return []
    others = sorted((each for each in racing if each.name != DEFAULT), key=lambda each: -each.score)
    count = max(search.finalists, math.ceil(search.keep * len(others)))
    return [*(each for each in racing if each.name == DEFAULT), *others[:count]]


def _report(
    search: Search, candidates: Mapping[str, Candidate], folder: StudyFolder,
    cells: Sequence[StudyCell], failed: Sequence[Failed],
) -> SearchReport:  # fmt: skip
    ranked = sorted(
        candidates.values(),
        key=lambda each: (-len(each.scores), bool(each.reason), -np.nan_to_num(each.score, nan=-1)),
    )
    first = next(run for cell in cells if (run := folder.finished(cell.run)) is not None)
    support = {name: each.support for name, each in first.result.final.per_class.items()}
    data = first.result.data
    return SearchReport(
        search, tuple(ranked), support, data.train_flows, data.synthetic, tuple(failed)
    )


def to_markdown(report: SearchReport) -> str:
    """Return the report as a page: what was looked at, who went how far, what to do with it."""
    search, best, default = report.search, report.best, report.default
    flows = ", ".join(f"{count:,} {name}" for name, count in report.flows.items())
    rare = f" without {', '.join(search.rare)}" if search.rare else ""
    cost = f", less {search.alarm_cost:g} times the false-alarm rate" if search.alarm_cost else ""
    many = len(search.cases)
    cases = f", the mean over {', '.join(each.name for each in search.cases)}" if many else ""
    space = "\n".join(f"- `{name}`: {_wish(wish)}" for name, wish in search.space.items())
    looked_at = (
        f"{len(report.candidates)} candidates of the {search.arm} arm, judged by validation flows "
        f"that nobody trains on: {flows} with seed {search.seeds[0]}, beside "
        f"{report.trained:,} training flows. No test flow was read: they are taken away before "
        "training."
    )
    race = (
        f"The score is the macro-F1{rare} of their pooled counts{cost}{cases}. Candidates race "
        f"over the seeds {', '.join(map(str, search.seeds))}: after each, "
        f"{search.keep:.0%} of them go on, at least {search.finalists}, and the default always."
    )
    lines = [
        f"# {search.title}",
        f"**{SYNTHETIC}**" if report.synthetic else "",
        "## What was looked at",
        looked_at,
        race,
        space,
        "## Candidates",
        _table(report),
        "## What to do with it",
        _advice(search, best, default),
    ]
    if report.failed:
        failed = "\n".join(f"- {each.name}: {each.reason} (`{each.log}`)" for each in report.failed)
        lines += ["## What failed", failed]
    return "\n\n".join(line for line in lines if line) + "\n"


def _wish(wish: object) -> str:
    if isinstance(wish, list):
        return ", ".join(map(str, wish))
    found = Band.model_validate(wish)
    return f"{found.low:g} to {found.high:g}{', logarithmic' if found.log else ''}"


def _table(report: SearchReport) -> str:
    from fednids.studies.report import markdown_table

    titles = (
        "candidate", "seeds", "score", "lowest", "minus default (lowest to highest)", "macro-F1",
        "false alarms", "seconds",
    )  # fmt: skip
    rows = []
    for each in report.candidates:
        less = each.over(report.default) if each.name != DEFAULT else []
        shown = f"{mean_of(less):+.3f} ({min(less):+.3f} to {max(less):+.3f})" if less else "–"
        macro, alarms, seconds = (
            mean_of([rates[k] for rates in each.rates.values()]) for k in range(3)
        )
        lowest = min(each.scores.values(), default=math.nan)
        rows.append(
            [
                each.name,
                each.reason or str(len(each.scores)),
                show_number(each.score),
                show_number(lowest),
                shown,
                show_number(macro),
                show_number(alarms),
                show_number(seconds, 1),
            ]
        )
    return markdown_table(list(titles), rows)


def _advice(search: Search, best: Candidate, default: Candidate) -> str:
    if best.name == DEFAULT:
        return "Nothing that was tried is better than the settings that are there already."
    less = best.over(default)
    shared = {k: v for k, v in search.settings.items() if k not in _OF_VALIDATION}
    given = {**shared, **best.settings}
    settings = " ".join(f"{name}={value}" for name, value in given.items())
    command = "simulate" if search.arm == "federated" else search.arm
    wins = sum(each > 0 for each in less)
    return (
        f"`{best.name}` is best: {mean_of(less):+.3f} to the default, ahead with {wins} of "
        f"{len(less)} seeds. The best of many is flattered by luck: run it once on test flows "
        f"with seeds that were not searched.\n\n```console\n$ fednids {command} {settings} --out "
        "run\n```"
    )
