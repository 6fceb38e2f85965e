"""Whether two checkouts train the same detectors: weights to the bit, and every number.

``python -m benchmarks.same_bits --old CHECKOUT [--new CHECKOUT] [--only NAME ...] [--out FILE]``

Every case is run by the command line of the old and of the new checkout in turn, each in
processes of their own, on synthetic flows. Compared are the sha256 of each tensor of every
model file (not the file's metadata), the numbers of ``result.json``, ``rounds.jsonl`` and
``scores.json``, and the columns of ``gateways.parquet``; not wall-clock seconds, bytes of
messages, settings, versions and provenance, nor text. ``virtual_seconds``, which follow from
those bytes, may differ by one part in 10,000, since messages hold names of settings. What only
the new side has is listed and is no difference. Cases are written in the names of the old
checkout; a setting that a checkout refuses is given under its name in `SETTINGS`, and result keys
are brought to their new names by `KEYS`.

``--out`` keeps the record of the old side, and ``--old FILE.json`` compares with it again,
which runs the new side alone. A record holds on the machine that made it: another processor
or library may round differently. Without ``--new`` the old side is only recorded. The exit
code is 1 where anything differs or fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from safetensors import safe_open

from benchmarks.harness import machine
from fednids.config import RENAMED

SETTINGS: dict[str, str] = {**RENAMED, "model.classes=2": "model.classes=binary"}
"""Renamed settings, old to new: ``key`` keeps its value, ``key=value`` replaces both."""

KEYS: list[tuple[str, str]] = [
    (r"([/:])liars\b", r"\1malicious"),
    (r"([/:])chosen\b", r"\1sampled"),
    (r"([/:])fates\b", r"\1outcomes"),
    (r"([/:])fate\b", r"\1outcome"),
]
"""Renamed paths of results, old to new: patterns of `re.sub`, applied to both sides in order.

A path is ``file:key/key/...``; that of a tensor ``file:name``, of a column ``file:column``.
"""

UNCOMPARED = re.compile(
    r"(^|[/:])(seconds|bytes(_\w+)?|settings|versions|provenance|schema_version|started)(/|$)"
)
"""Paths that are no part of the record."""

FROM_BYTES = re.compile(r"virtual_seconds")
"""Numbers that count the bytes of messages, which hold names: equal to one part in 10,000."""

SMALL = ("data.flows=3000", "partition.gateways=5", "partition.alpha=1.0", "federation.rounds=2",
         "train.batch_size=32", "train.learning_rate=0.01", "run.engine=inprocess",
         "federation.strategy=fedavg")  # fmt: skip
STRATEGIES: dict[str, tuple[str, ...]] = {
    "fedavg": (),
    "fedprox": ("proximal_mu=0.1",),
    "fedavgm": ("server_learning_rate=0.9", "server_momentum=0.5"),
    "fedadam": ("eta=0.02", "tau=0.002", "beta_1=0.8", "beta_2=0.9"),
    "fedyogi": ("eta=0.02", "tau=0.002", "beta_1=0.8", "beta_2=0.9"),
    "fedadagrad": ("eta=0.02", "tau=0.002"),
    "qfedavg": ("q=0.5", "lipschitz=2.0"),
    "fedmedian": (),
    "fedtrimmedavg": ("beta=0.25",),
    "krum": ("malicious=1",),
    "multikrum": ("malicious=1", "select=3"),
    "bulyan": ("malicious=0",),
    "rfa": ("smoothing=1e-5", "iterations=5"),
    "normclip": ("clip_norm=0.5",),
    "scaffold": ("server_learning_rate=0.9",),
    "fednova": (),
    "feddyn": ("dyn_alpha=0.05",),
    "fedper": ("personal_layers=2",),
    "ditto": ("ditto_lambda=0.5",),
    "ifca": ("clusters=3",),
    "fltrust": ("root_flows=200",),
}


@dataclass(frozen=True)
class Case:
    """One run: a command, its settings as ``key=value``, and how many rounds it is resumed to."""

    command: str
    arguments: list[str]
    resumed_to: int = 0


def _case(*settings: str, command: str = "simulate", resumed_to: int = 0) -> Case:
    """Return a case with settings on top of `SMALL`; alpha is of schemes that have one."""
    merged = {key_of(each): each for each in (*SMALL, *settings)}
    if not merged.get("partition.scheme", "dirichlet").endswith("dirichlet"):
        del merged["partition.alpha"]
    return Case(command, list(merged.values()), resumed_to)


def key_of(argument: str) -> str:
    """Return the key of a ``key=value``."""
    return argument.split("=", 1)[0]


CASES: dict[str, Case] = {
    **{
        name: _case(f"federation.strategy={name}", *(f"federation.{each}" for each in own))
        for name, own in STRATEGIES.items()
    },
    "arm-centralised": _case(command="centralised"),
    "arm-local": _case(command="local"),
    "engine-processes": _case("run.engine=processes", "run.workers=2"),
    "engine-processes-scaffold": _case(
        "run.engine=processes", "run.workers=2", "federation.strategy=scaffold"
    ),
    "partition-iid": _case("partition.scheme=iid"),
    "partition-pathological": _case("partition.scheme=pathological"),
    "partition-host-dirichlet": _case("partition.scheme=host-dirichlet"),
    "attack-alie": _case("attack.kind=alie", "attack.share=0.4"),
    "attack-backdoor": _case("attack.kind=backdoor", "attack.share=0.4"),
    "availability-sessions": _case(
        "availability.pattern=sessions", "availability.dropout_after=0.2", "federation.rounds=4",
        "federation.fraction=0.6", "partition.gateways=8", "federation.max_failures=0.9",
    ),
    "clock-deadline": _case(
        "clock.deadline=2.5", "clock.speed=300", "clock.speed_spread=0.5",
        "clock.stragglers=partial", "federation.max_failures=0.9",
    ),
    "encoding-int8": _case("wire.up=int8"),
    "encoding-topk": _case("wire.up=topk", "wire.down=float16"),
    "resumed": _case("federation.rounds=1", resumed_to=3),
    "resumed-feddyn": _case("federation.rounds=1", "federation.strategy=feddyn", resumed_to=3),
    "stacked": _case("partition.gateways=64", "partition.scheme=iid", "train.batch_size=16"),
    "stacked-scaffold": _case("train.stack=2", "federation.strategy=scaffold"),
    "binary": _case("model.classes=2"),
    "preset-lite": _case("model.preset=lite"),
    "validated": _case(
        "data.validation_share=0.2", "run.keep=best", "run.patience=2", "run.false_alarms=0.05"
    ),
    "objective": _case(
        "train.loss=focal", "train.logit_adjustment=1.0", "train.sampling=balanced",
        "train.epochs=2", "train.optimiser=sgd", "train.final_rate=0.2",
    ),
    "growing": _case("partition.arrival=growing", "data.split=grouped", "data.unseen=Theft"),
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What a case left: digests of weights, numbers by path, or why it failed."""

    weights: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    failure: str = ""


class Checkout:
    """A folder whose code is run, with a cache of its own and what it refused so far."""

    def __init__(self, folder: Path, scratch: Path):
        self._folder, self._scratch = folder.resolve(), scratch
        self._refused: set[str] = set()
        scratch.mkdir()

    def run(self, case: Case) -> Found:
        """Run a case, giving what is refused under its new name."""
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            out = Path(folder) / "run"
            failure = self._train(case, out)
            if not failure and case.resumed_to:
                rounds = str(case.resumed_to)
                failure = self._call(["resume", str(out), "--rounds", rounds, "--quiet"])
            try:
                return Found(failure=failure) if failure else read_run(out)
            except OSError as error:
                return Found(failure=f"a run folder without a file: {error}")

    def _train(self, case: Case, out: Path) -> str:
        given = case.arguments
        while True:
            arguments = [renamed(a) if key_of(a) in self._refused else a for a in given]
            failure = self._call([case.command, "--out", str(out), "--quiet", *arguments])
            fresh = refused(failure, given) - self._refused
            if not fresh:
                return failure
            self._refused |= fresh

    def _call(self, arguments: list[str]) -> str:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("FEDNIDS_")}
        own = {"PYTHONPATH": str(self._folder), "FEDNIDS_CACHE": str(self._scratch / "cache")}
        done = subprocess.run(
            [sys.executable, "-m", "fednids", *arguments],
            cwd=self._scratch, env={**kept, **own}, capture_output=True, text=True,
        )  # fmt: skip
        lines = done.stderr.strip().splitlines() or ["no message"]
        return f"exit code {done.returncode}: {lines[-1]}" if done.returncode else ""


def renamed(argument: str) -> str:
    """Return an argument in its new names."""
    key, value = argument.split("=", 1)
    return SETTINGS.get(argument) or f"{SETTINGS.get(key, key)}={value}"


def refused(failure: str, arguments: list[str]) -> set[str]:
    """Return the keys that have a new name and are named by a failure."""
    return {
        key_of(each)
        for each in arguments
        if renamed(each) != each and re.search(rf"{re.escape(key_of(each))}(?!\w)", failure)
    }


def read_run(folder: Path) -> Found:
    """Read digests and numbers of a run folder, under their new names."""
    weights: dict[str, str] = {}
    for file in sorted(folder.rglob("*.safetensors")):
        name = file.relative_to(folder).as_posix()
        if name.startswith("checkpoint/"):
            continue
        with safe_open(file, "np") as tensors:
            for tensor in tensors.keys():  # noqa: SIM118
                value = tensors.get_tensor(tensor)
                weights[f"{name}:{tensor}"] = _digest(
                    f"{value.dtype} {value.shape} ".encode() + value.tobytes()
                )
    table = pq.read_table(folder / "gateways.parquet")
    columns = {name: table[name].to_pylist() for name in table.schema.names}
    lines = (folder / "rounds.jsonl").read_text().splitlines()
    found = {
        "result.json": json.loads((folder / "result.json").read_text()),
        "rounds.jsonl": [json.loads(line) for line in lines],
        "scores.json": json.loads((folder / "scores.json").read_text()),
        "gateways.parquet": columns,
    }
    numbers = {path: n for name in found for path, n in flattened(found[name], f"{name}:")}
    return Found(_compared(weights), _compared(numbers))


def flattened(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Iterate over paths and numbers; text is left out, long lists of numbers are digested.

    A null is yielded, and of a list its length too, since an empty one has nothing else.
    """
    beneath = path if path.endswith(":") else f"{path}/"
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from flattened(each, f"{beneath}{key}")
    elif isinstance(value, list):
        yield f"{beneath}length", len(value)
        if len(value) > 30 and not any(isinstance(each, str | Mapping) for each in value):
            yield path, _digest(json.dumps(value).encode())
            return
        for place, each in enumerate(value):
            yield from flattened(each, f"{beneath}{place}")
    elif not isinstance(value, str):
        yield path, value


def new_path(path: str) -> str:
    """Return a path with its keys in their new names."""
    for old, new in KEYS:
        path = re.sub(old, new, path)
    return path


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return the first path whose value is not the old one, and how many there are; or nothing.

    A null counts as not there.
    """
    differing = [path for path, value in old.items() if not _equal(path, value, new.get(path))]
    if not differing:
        return ""
    first = differing[0]
    more = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
    there = new.get(first, "nothing")
    return f"{first}: {str(old[first])[:20]} -> {str(there)[:20]}{more}"


def _equal(path: str, old: Any, new: Any) -> bool:
    if not FROM_BYTES.search(path):
        return bool(old == new)
    if isinstance(old, float) and isinstance(new, float):
        return math.isclose(old, new, rel_tol=1e-4)
    return type(old) is type(new)  # digests of columns, which show no small difference as one


def added_paths(old: Found, new: Found) -> set[str]:
    """Return what only the new side has, but of cases that failed."""
    if old.failure or new.failure:
        return set()
    return (new.weights.keys() | new.numbers.keys()) - (old.weights.keys() | old.numbers.keys())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _recorded(file: Path, names: list[str]) -> dict[str, Found]:
    cases = json.loads(file.read_text())["cases"]
    stale = [name for name in names if cases.get(name, {}).get("case") != asdict(CASES[name])]
    if stale:
        sys.exit(
            f"error: expected a record of the cases as they are, got another {', '.join(stale)} "
            f"in {file}; record the old checkout again with --out"
        )
    records = {name: cases[name]["found"] for name in names}
    return {
        name: Found(_compared(each["weights"]), _compared(each["numbers"]), each["failure"])
        for name, each in records.items()
    }


def _compared(values: Mapping[str, Any]) -> dict[str, Any]:
    named = {new_path(path): value for path, value in values.items()}
    return {path: value for path, value in named.items() if not UNCOMPARED.search(path)}


def main() -> None:
    """Run, compare, print a table and exit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old", type=Path, required=True, help="checkout, or a record of one")
    parser.add_argument("--new", type=Path, help="checkout; without it the old is only recorded")
    parser.add_argument("--only", nargs="+", choices=list(CASES), metavar="NAME", help="cases")
    parser.add_argument("--out", type=Path, help="file for the record of the old side")
    asked = parser.parse_args()
    names = asked.only or list(CASES)
    record = _recorded(asked.old, names) if asked.old.is_file() else {}
    kept: dict[str, Any] = {}
    added: set[str] = set()
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        old = None if record else Checkout(asked.old, Path(scratch) / "old")
        new = Checkout(asked.new, Path(scratch) / "new") if asked.new else None
        print(f"{'case':28}{'weights equal':15}{'numbers equal':15}first difference")
        for name in names:
            before = old.run(CASES[name]) if old else record[name]
            kept[name] = {"case": asdict(CASES[name]), "found": asdict(before)}
            after = new.run(CASES[name]) if new else before
            weights = difference(before.weights, after.weights)
            numbers = difference(before.numbers, after.numbers)
            failure = (before.failure and f"old: {before.failure}") or after.failure
            failed += bool(failure or weights or numbers)
            added |= {re.sub(r"\d+", "N", path) for path in added_paths(before, after)}
            equal = ["-" if failure else "no" if each else "yes" for each in (weights, numbers)]
            print(f"{name:28}{equal[0]:15}{equal[1]:15}{failure or weights or numbers}", flush=True)
    if added:
        print(f"only in the new: {', '.join(sorted(added))}")
    if asked.out:
        asked.out.write_text(json.dumps({"machine": machine(), "cases": kept}) + "\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
