"""How Flower carries `fednids.exchange`: the only place that knows record keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from numpy.typing import NDArray

from fednids.detector.architecture import Weights
from fednids.exchange import Evaluation, Statistics, Task, Update
from fednids.flows.scaling import Moments, Scaler
from fednids.metrics import ConfusionCounts

ARRAYS = "arrays"
CONFIG = "config"
METRICS = "metrics"
EXAMPLES = "num-examples"

_PARTITION = "partition-id"
_ROUND = "server-round"
_PROXIMAL = "proximal-mu"
_WEIGHTS = "weights"


def weights_record(weights: Weights) -> ArrayRecord:
    """Put flat weights into the record that strategies average."""
    return ArrayRecord({_WEIGHTS: Array(np.ascontiguousarray(weights, np.float32))})


def read_weights(record: ArrayRecord) -> Weights:
    """Take flat weights out of a record, as a copy, whatever their shape and type are."""
    return record[_WEIGHTS].numpy()


def query_content() -> RecordDict:
    """Ask for `Statistics`."""
    return RecordDict({CONFIG: ConfigRecord()})


def task_config(task: Task) -> ConfigRecord:
    """Write a task but for round and mu, which Flower's strategies add themselves."""
    return ConfigRecord(
        {
            "scaler-mean": task.scaler.mean.tolist(),
            "scaler-scale": task.scaler.scale.tolist(),
            "class-weights": task.class_weights.astype(float).tolist(),
        }
    )


def task_content(weights: Weights, task: Task) -> RecordDict:
    """Write global weights and a whole task, for a message that no strategy makes."""
    config = task_config(task)
    config[_ROUND], config[_PROXIMAL] = task.server_round, task.proximal_mu
    return RecordDict({ARRAYS: weights_record(weights), CONFIG: config})


def read_task(content: RecordDict) -> tuple[Weights, Task]:
    """Read global weights and task from a message."""
    config = cast(ConfigRecord, content[CONFIG])
    scaler = Scaler(_floats(config, "scaler-mean"), _floats(config, "scaler-scale"))
    class_weights = _floats(config, "class-weights").astype(np.float32)
    mu = float(cast(float, config.get(_PROXIMAL, 0.0)))
    task = Task(int(cast(int, config[_ROUND])), scaler, class_weights, mu)
    return read_weights(cast(ArrayRecord, content[ARRAYS])), task


def statistics_content(statistics: Statistics) -> RecordDict:
    """Write the answer to a query."""
    metrics = MetricRecord(
        {
            _PARTITION: statistics.partition_id,
            EXAMPLES: statistics.moments.count,
            "sums": statistics.moments.sums.tolist(),
            "squares": statistics.moments.squares.tolist(),
            "train-support": statistics.train_support.tolist(),
        }
    )
    return RecordDict({METRICS: metrics})


def read_statistics(content: RecordDict) -> Statistics:
    """Read what `statistics_content` wrote."""
    metrics = cast(MetricRecord, content[METRICS])
    sums, squares = _floats(metrics, "sums"), _floats(metrics, "squares")
    moments = Moments(_int(metrics, EXAMPLES), sums, squares)
    return Statistics(_int(metrics, _PARTITION), moments, _ints(metrics, "train-support"))


def update_content(update: Update) -> RecordDict:
    """Write the answer to a training message."""
    metrics = MetricRecord(
        {
            _PARTITION: update.partition_id,
            EXAMPLES: update.examples,
            "steps": update.steps,
            "loss": update.loss,
            "seconds": update.seconds,
            "compile-seconds": update.compile_seconds,
        }
    )
    return RecordDict({ARRAYS: weights_record(update.weights), METRICS: metrics})


def read_update(content: RecordDict) -> Update:
    """Read what `update_content` wrote."""
    metrics = cast(MetricRecord, content[METRICS])
    return Update(
        _int(metrics, _PARTITION),
        read_weights(cast(ArrayRecord, content[ARRAYS])),
        _int(metrics, EXAMPLES),
        _int(metrics, "steps"),
        _float(metrics, "loss"),
        _float(metrics, "seconds"),
        _float(metrics, "compile-seconds"),
    )


def evaluation_content(evaluation: Evaluation) -> RecordDict:
    """Write the answer to an evaluation message."""
    metrics = MetricRecord(
        {
            _PARTITION: evaluation.partition_id,
            EXAMPLES: evaluation.counts.total,
            "counts": evaluation.counts.matrix.ravel().tolist(),
            "novel": evaluation.novel.matrix.ravel().tolist(),
            "loss": evaluation.loss,
            "compile-seconds": evaluation.compile_seconds,
        }
    )
    return RecordDict({METRICS: metrics})


def read_evaluation(content: RecordDict) -> Evaluation:
    """Read what `evaluation_content` wrote."""
    metrics = cast(MetricRecord, content[METRICS])
    return Evaluation(
        _int(metrics, _PARTITION),
        _counts(metrics, "counts"),
        _counts(metrics, "novel"),
        _float(metrics, "loss"),
        _float(metrics, "compile-seconds"),
    )


def content_bytes(content: RecordDict) -> int:
    """Count the bytes of the records in a message."""
    return sum(record.count_bytes() for record in content.values())


def _int(record: MetricRecord, key: str) -> int:
    return int(cast(int, record[key]))


def _float(record: MetricRecord, key: str) -> float:
    return float(cast(float, record[key]))


def _floats(record: MetricRecord | ConfigRecord, key: str) -> NDArray[np.float64]:
    return np.array(cast(Sequence[float], record[key]), dtype=np.float64)


def _ints(record: MetricRecord, key: str) -> NDArray[np.int64]:
    return np.array(cast(Sequence[int], record[key]), dtype=np.int64)


def _counts(record: MetricRecord, key: str) -> ConfusionCounts:
    flat = _ints(record, key)
    classes = round(len(flat) ** 0.5)
    return ConfusionCounts(flat.reshape(classes, classes))
