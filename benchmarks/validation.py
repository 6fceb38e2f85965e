"""Training judged on validation flows, which are carved out of the training flows.

Test flows are taken away before anything is fitted or scored: whatever is chosen here was
chosen without them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.flows.split import split_flows
from fednids.messages.values import Evaluation
from fednids.metrics import majority_counts, scores
from fednids.training.initial import initial_task, initial_weights, run_architecture
from fednids.training.local import LocalTrainer
from partitions import PartitionPlan

SHARE = 0.25
"""Of the training flows: as many validation flows as there are test flows by default."""

RARE = "Theft"
"""The class with 2 validation flows among 60,000, each of which moves the macro-F1 by 0.05 or
so; scores without it are given beside."""


@dataclass(frozen=True)
class Found:
    """What a training came to on validation flows.

    Attributes
    ----------
    macro_f1, novel_macro_f1 : float
        Over all validation flows, and over the novel ones.
    common, novel_common : float
        The same without the class of `RARE`.
    false_alarms : float
        Share of benign flows that raise an alarm.
    benign_f1, rare_f1 : float
        F1 of the two rarest classes.
    majority_macro_f1, majority_common : float
        Of always answering the most frequent class, with and without the class of `RARE`.
    seconds, processor_seconds : float
        Of training, without compiling; the second without what other processes take.
    parameters : int
        Number of weights.
    """

    macro_f1: float
    novel_macro_f1: float
    common: float
    novel_common: float
    false_alarms: float
    benign_f1: float
    rare_f1: float
    majority_macro_f1: float
    majority_common: float
    seconds: float
    processor_seconds: float
    parameters: int


def validation_fleet(config: Config) -> FederatedDataset:
    """Give the centralised arm's flows without its test flows, and a split of what is left.

    The split is by class, as the default one is, drawn by the run's seed.
    """
    fleet = FederatedDataset.open(config)
    flows = fleet.flows.take(np.flatnonzero(~fleet.split.test))
    rng = np.random.default_rng([config.run.seed, 0x5EA2C4])
    split = split_flows(flows, "stratified", SHARE, rng)
    plan = PartitionPlan("pooled", np.zeros(len(flows), np.int32), 1)
    return replace(fleet, flows=flows, split=split, plan=plan)


def trained(settings: Mapping[str, object]) -> Found:
    """Train the centralised arm with these settings; score its last round."""
    config = Config.resolve(settings)
    workplace = LocalTrainer(config, validation_fleet(config))
    task = initial_task([workplace.statistics(0)], config)
    architecture = run_architecture(task, config)
    weights, spent, processor = initial_weights(architecture, config), 0.0, 0.0
    for number in range(1, config.federation.rounds + 1):
        started = time.process_time()
        update = workplace.train(0, weights, replace(task, server_round=number)).update
        weights, spent = update.weights, spent + update.seconds
        processor += time.process_time() - started if not update.compile_seconds else 0.0
    evaluation = workplace.evaluate(0, weights, task)
    return _found(evaluation, workplace.dataset, (spent, processor), architecture.size)


def _found(
    evaluation: Evaluation, fleet: FederatedDataset, spent: tuple[float, float], size: int
) -> Found:
    counts = evaluation.counts
    majority = majority_counts(fleet.support(fleet.training(0)), counts.support)
    every = [scores(each, fleet.classes) for each in (counts, evaluation.novel, majority)]
    all_, novel, constant = every
    f1s, novel_f1s, constant_f1s = (
        {name: found.f1 for name, found in each.per_class.items()} for each in every
    )
    return Found(
        all_.macro_f1,
        novel.macro_f1,
        _without_rare(f1s),
        _without_rare(novel_f1s),
        all_.false_alarm_rate,
        f1s[fleet.classes[0]],
        f1s.get(RARE, float("nan")),
        constant.macro_f1,
        _without_rare(constant_f1s),
        *spent,
        size,
    )


def _without_rare(f1s: Mapping[str, float]) -> float:
    return statistics.fmean(f1 for name, f1 in f1s.items() if name != RARE and f1 == f1)
