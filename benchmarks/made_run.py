"""Run folders made of numbers, of any size: what reports read, and nothing that trains."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fednids.config import Config
from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.metrics import ConfusionCounts, Curves, majority_counts, scores
from fednids.runs.records import SCHEMA_VERSION
from partitions import measure_skew

_HARDNESS = np.array([0.8, 0.9, 1.1, 0.6, 2.0])


@dataclass(frozen=True)
class Made:
    """What a made-up run is like.

    Attributes
    ----------
    gateways, rounds, seed : int
        Size, and the seed of all numbers.
    kind : str
        The arm.
    settings : Mapping[str, object]
        Settings beside gateways, rounds and seed.
    finished : bool
        Whether there is a result.
    world, attacked : bool
        Whether some gateways are late or absent, whether some lie.
    failures : Mapping[int, str]
        Reason by round, of gateway 1's answer.
    result : Mapping[str, Any]
        Entries of the result, and of its objects, that are not the usual ones.
    """

    gateways: int = 6
    rounds: int = 4
    seed: int = 1
    kind: str = "federated"
    settings: Mapping[str, object] = field(default_factory=dict)
    finished: bool = True
    world: bool = False
    attacked: bool = False
    failures: Mapping[int, str] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = NF_BOT_IOT.classes

    def config(self) -> Config:
        """Give its settings."""
        size = {"partition.gateways": self.gateways, "federation.rounds": self.rounds}
        return Config.resolve({**size, "run.seed": self.seed, **self.settings})


def make_run(folder: Path, made: Made) -> Path:
    """Write a run folder as `fednids.runs` would, without detector and pictures."""
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "config.toml").write_text(made.config().to_toml(), encoding="utf-8")
    (folder / "checkpoint" / "arm.txt").write_text(made.kind, encoding="utf-8")
    counts = _counts(made)
    rounds = [_round(made, number, counts[number - 1].sum(axis=0)) for number in _numbers(made)]
    lines = "".join(json.dumps(each) + "\n" for each in rounds)
    (folder / "rounds.jsonl").write_text(lines, encoding="utf-8")
    table = _table(made, counts)
    if made.finished:
        pq.write_table(table, folder / "gateways.parquet")
        result = _result(made, rounds, counts[-1].sum(axis=0))
        (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
        (folder / "scores.json").write_text(json.dumps(_scores(made)), encoding="utf-8")
    else:
        rows = "".join(json.dumps(row) + "\n" for row in table.to_pylist())
        (folder / "checkpoint" / "gateways.jsonl").write_text(rows, encoding="utf-8")
    return folder


def _scores(made: Made) -> dict[str, Any]:
    """Draw scores of some test flows."""
    rng, size = np.random.default_rng(made.seed), len(made.classes)
    labels = rng.integers(size, size=2000)
    logits = 2 * rng.normal(size=(2000, size)) + 3 * np.eye(size)[labels]
    return {"test": Curves.of(logits, labels).to_json(made.classes)}


def _numbers(made: Made) -> range:
    return range(1, made.rounds + 1)


def _counts(made: Made) -> NDArray[np.int64]:
    """Draw confusion counts, ``(R, K, C, C)``: rare classes are learnt late."""
    rng = np.random.default_rng(made.seed)
    shares = rng.dirichlet(np.full(len(NF_BOT_IOT.classes), 0.4), made.gateways)
    sizes = np.maximum(rng.lognormal(5, 1, made.gateways).astype(int), 3)
    flows = np.stack([rng.multinomial(n, p) for n, p in zip(sizes, shares, strict=True)])
    skill = rng.normal(0, 0.3, (made.gateways, 1))
    found = np.zeros((made.rounds, *flows.shape, len(NF_BOT_IOT.classes)), np.int64)
    for k in range(made.rounds):
        rate = 1 / (1 + np.exp(_HARDNESS - 2.5 * np.log1p(k) / np.log(made.rounds + 1) - skill))
        right = rng.binomial(flows, rate)
        for c in range(len(NF_BOT_IOT.classes)):
            found[k, :, c, c] = right[:, c]
            found[k, :, c, (c + 1) % len(NF_BOT_IOT.classes)] += flows[:, c] - right[:, c]
    return found


def _owned(made: Made) -> NDArray[np.int64]:
    """Take each gateway's test flows of its last round for all its flows."""
    owned: NDArray[np.int64] = _counts(made)[-1].sum(axis=2)
    return owned


def _round(made: Made, number: int, counts: NDArray[np.int64]) -> dict[str, Any]:
    found = scores(ConfusionCounts(counts), NF_BOT_IOT.classes).to_json()
    names = ("accuracy", "balanced_accuracy", "macro_f1", "false_alarm_rate")
    rates = {name: found[name] for name in names}
    failing = [1] if number in made.failures else []
    entry: dict[str, Any] = {
        "round": number,
        "loss": 1 / number,
        "train": {"loss": 1 / number, "examples": 4000, "steps": 60},
        "test": {"loss": 1.1 / number, **rates, "novel": rates},
        "participants": [k for k in range(made.gateways) if k not in failing],
        "failures": [
            {"partition": k, "stage": "train", "reason": made.failures[number]} for k in failing
        ],
        "seconds": 1.5 + 0.1 * number,
        "bytes_down": 94_932 * made.gateways if made.kind == "federated" else 0,
        "bytes_up": 94_932 * made.gateways if made.kind == "federated" else 0,
    }
    if made.world:
        entry["participants"] = entry["participants"][:-3]
        outcomes = {"late": [made.gateways - 3], "lost": [made.gateways - 2]}
        present, sampled = made.gateways - 1, made.gateways - 1
        entry |= {
            "virtual_seconds": 12.5,
            "present": present,
            "sampled": sampled,
            "outcomes": outcomes,
        }
    if made.attacked:
        success = {"DDoS": 0.1 * number, "Theft": None}
        entry["attack"] = {"malicious": [0], "success": success, "errors": {"DDoS": 0.2}}
    return entry


def _table(made: Made, counts: NDArray[np.int64]) -> pa.Table:
    flat = counts.reshape(-1, len(NF_BOT_IOT.classes) ** 2)
    size = len(flat)
    tests = flat.sum(axis=1)
    rounds = np.repeat(np.arange(1, made.rounds + 1), made.gateways)
    return pa.table(
        {
            "round": rounds,
            "partition_id": np.tile(np.arange(made.gateways), made.rounds),
            "participated": np.random.default_rng(made.seed).random(size) < 0.9,
            "examples": 4 * tests,
            "loss": np.full(size, 0.3),
            "seconds": np.full(size, 0.1),
            "test_examples": tests,
            "test_loss": 1.1 / rounds,
            "confusion": pa.array(flat.tolist(), pa.list_(pa.int64())),
        }
    )


def _result(made: Made, rounds: list[dict[str, Any]], counts: NDArray[np.int64]) -> Any:
    support = counts.sum(axis=1)
    final = scores(ConfusionCounts(counts), made.classes).to_json()
    novel = scores(ConfusionCounts(counts // 3), made.classes).to_json()
    majority = scores(majority_counts(support, support), made.classes).to_json()
    total = int(support.sum())
    attack = {
        "kind": "label-flip",
        "share": 0.2,
        "schedule": "always",
        "strength": None,
        "poisoned": 1.0,
        "malicious": [0],
        "success": {"DDoS": 0.4, "Theft": None},
        "errors": {"DDoS": 0.2},
    }
    found = {
        "schema_version": SCHEMA_VERSION,
        "kind": made.kind,
        "seed": made.seed,
        "settings": made.config().flat(),
        "data": {
            "path": "synthetic",
            "sha256": "ab" * 32,
            "flows": 5 * total,
            "synthetic": True,
            "train_flows": 4 * total,
            "test_flows": total,
            "novel_flows": int((counts // 3).sum()),
            "features": 86,
        },
        "versions": {"fednids": "0.1.0", "python": "3.11.7"},
        "model": {"parameters": 23_733, "bytes": 94_932},
        "partition": {
            "scheme": "dirichlet",
            "gateways": made.gateways,
            "fingerprint": "plan-1",
            "skew": measure_skew(_owned(made)).to_json(),
        },
        "rounds": rounds,
        "final": final,
        "final_novel": novel,
        "majority": majority,
        "majority_novel": majority,
        "seconds": {"prepare": 0.1, "compile": 2.5, "train": 14.5, "evaluate": 1.5, "total": 20.1},
        **({"attack": attack} if made.attacked else {}),
    }
    return _merged(found, made.result)


def _merged(found: Any, changes: Any) -> Any:
    """Put changes into nested objects."""
    if not (isinstance(found, dict) and isinstance(changes, Mapping)):
        return changes
    return {**found, **{n: _merged(found.get(n), each) for n, each in changes.items()}}
