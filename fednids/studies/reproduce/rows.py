"""What is run: one row of the table each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Part = Literal["published", "honest", "simpler", "ablation", "federation"]
Setting = int | float | str


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes
    ----------
    title : str
        What it is, in words.
    part : Part
        Under which heading it stands.
    runs : str
        ``published`` for `fednids.studies.reproduce.published`; an arm of
        `fednids.experiment.arms.ARMS`; or a name in `fednids.experiment.baselines.BASELINES`.
    settings : Mapping
        Settings that differ from the defaults.
    seconds : float
        A guess for the real sample, by which the longest are begun first.
    """

    title: str
    part: Part
    runs: str
    settings: Mapping[str, Setting] = field(default_factory=dict)
    seconds: float = 60.0


PARTS: dict[Part, str] = {
    "published": "The published protocol",
    "honest": "The honest protocol",
    "simpler": "Simpler detectors, same flows and split",
    "ablation": "Parts of the network, and lengths of the window",
    "federation": "What federation costs",
}
"""Headings, in the order of the table."""

LEAKING, CLEAN = "published-and-the-label-leaks", "published-without-the-label"
LEAKING_LONG, CLEAN_LONG = f"{LEAKING}-long", f"{CLEAN}-long"
WORST_PLAN: Mapping[str, Setting] = {"partition.scheme": "dirichlet", "partition.alpha": 0.1}
"""The skewed plan of the federated rows; the centralised one is scored at its gateways."""

_BINARY: Mapping[str, Setting] = {"model.classes": 2}
_PAPER: Mapping[str, Setting] = {
    "model.preset": "paper",
    "train.batch_size": 256,
    "train.learning_rate": 1e-4,
    "train.final_rate": 1.0,
    "train.balance": 0.0,
    "federation.rounds": 20,
}
_LONG: Mapping[str, Setting] = {"federation.rounds": 20}
_IID = {"partition.scheme": "iid", **_LONG}
_SKEWED = {**WORST_PLAN, **_LONG}


def _simpler(kind: str, title: str) -> dict[str, Row]:
    return {
        f"binary-{kind}": Row(f"{title}, binary", "simpler", kind, _BINARY, 15.0),
        f"five-{kind}": Row(f"{title}, 5 classes", "simpler", kind, {}, 25.0),
    }


def _window(length: int) -> Row:
    settings: Mapping[str, Setting] = {"data.window": length}
    return Row(
        f"default, window of {length}", "ablation", "centralised", settings, 10.0 + 6 * length
    )


ROWS: dict[str, Row] = {
    LEAKING: Row("published: the class is a feature", "published", "published"),
    CLEAN: Row("published, without that column", "published", "published"),
    LEAKING_LONG: Row(
        "published, longer: the class is a feature", "published", "published", seconds=200.0
    ),
    CLEAN_LONG: Row(
        "published, longer, without that column", "published", "published", seconds=200.0
    ),
    "binary-paper": Row("paper, binary", "honest", "centralised", {**_PAPER, **_BINARY}, 90.0),
    "binary-default": Row("default, binary", "honest", "centralised", _BINARY),
    "five-paper": Row("paper, 5 classes", "honest", "centralised", _PAPER, 90.0),
    "five-default": Row("default, 5 classes", "honest", "centralised"),
    "five-lite": Row("lite, 5 classes", "honest", "centralised", {"model.preset": "lite"}, 20.0),
    **_simpler("majority", "most frequent class"),
    **_simpler("logistic", "logistic regression"),
    **_simpler("trees", "extra trees"),
    **_simpler("boosting", "gradient boosting"),
    "five-paper-cnn": Row(
        "paper, CNN alone", "ablation", "centralised", {**_PAPER, "model.parts": "cnn"}, 60.0
    ),
    "five-paper-bilstm": Row(
        "paper, BiLSTM alone", "ablation", "centralised", {**_PAPER, "model.parts": "bilstm"}, 150.0
    ),
    "five-default-cnn": Row(
        "default, CNN alone", "ablation", "centralised", {"model.parts": "cnn"}, 30.0
    ),
    "five-default-bilstm": Row(
        "default, BiLSTM alone", "ablation", "centralised", {"model.parts": "bilstm"}
    ),
    **{f"five-default-window-{length}": _window(length) for length in (1, 5, 20)},
    "five-centralised": Row("centralised", "federation", "centralised", _SKEWED, 120.0),
    "five-federated-iid": Row("federated, iid", "federation", "federated", _IID, 140.0),
    "five-local-iid": Row("local, iid", "federation", "local", _IID, 140.0),
    "five-federated-skewed": Row(
        "federated, dirichlet 0.1", "federation", "federated", _SKEWED, 140.0
    ),
    "five-local-skewed": Row("local, dirichlet 0.1", "federation", "local", _SKEWED, 140.0),
}
"""How to add one: add a line whose `Row.runs` is known to
`fednids.studies.reproduce.measuring.RUNS` and run ``pytest tests/studies/reproduce``. Names are
names of files."""
