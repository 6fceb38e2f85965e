"""How Flower carries `fednids.messages.values`: the only place that knows record keys."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from typing import Any, cast

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from numpy.lib.format import read_array_header_1_0
from numpy.typing import NDArray

from fednids.flows.scaling import Moments, Scaler
from fednids.messages.encodings.parts import SentArrays
from fednids.messages.values import Calibration, Card, Evaluation, Statistics, Task, Update
from fednids.metrics import ConfusionCounts, Tallies, Tally
from fednids.networks.interface import Weights
from fednids.training.recalibration import ClassMoments, HeadSums

ARRAYS = "arrays"
_CONFIG = "config"
METRICS = "metrics"
EXAMPLES = "num-examples"

WEIGHTS = "weights"
"""Name of the weights among the arrays of a message. An encoding's values have it as well, its
other parts in front: ``weights.scales``. Whatever has another name is the strategy's."""

_NUMPY = "numpy.ndarray"
_NPY_1_0 = b"\x93NUMPY\x01\x00"
_VALUES = "values"
_PARTITION = "partition-id"
_ROUND = "server-round"
_CURVES = "curves"
_COUNTED = ("trained", "validated", "tested")
_ADJUSTMENT = "logit-adjustment"
_SCORE_FIRST = "score-first"
_EVALUATION = "evaluation"


def arrays_record(arrays: SentArrays) -> ArrayRecord:
    """Put named arrays into the record that Flower's strategies average."""
    return ArrayRecord({name: Array(np.ascontiguousarray(a)) for name, a in arrays.items()})


def weights_record(weights: Weights) -> ArrayRecord:
    """Put flat weights alone into a record, as they are."""
    return arrays_record({WEIGHTS: np.asarray(weights, np.float32)})


def read_arrays(record: ArrayRecord) -> dict[str, NDArray[Any]]:
    """Take all arrays out of a record, as copies, whatever their shapes and types are."""
    return {name: _read_array(record[name]) for name in record}


def read_weights(record: ArrayRecord) -> Weights:
    """Take flat weights that are as they are out of a record."""
    return _read_array(record[WEIGHTS])


def named_weights(parts: SentArrays) -> dict[str, NDArray[Any]]:
    """Name the parts of encoded weights as they stand in a message."""
    return {WEIGHTS if n == _VALUES else f"{WEIGHTS}.{n}": part for n, part in parts.items()}


def weights_parts(arrays: SentArrays) -> dict[str, NDArray[Any]]:
    """Take the parts of encoded weights out of the arrays of a message."""
    halves = ((name.partition("."), array) for name, array in arrays.items())
    return {part or _VALUES: array for (name, _, part), array in halves if name == WEIGHTS}


def extras_of(arrays: SentArrays) -> dict[str, NDArray[Any]]:
    """Return the arrays that are not weights, nor parts of them."""
    return {name: a for name, a in arrays.items() if name.partition(".")[0] != WEIGHTS}


def query_content(version: str = "", schema: str = "") -> RecordDict:
    """Ask for `Statistics`; in a deployment, say by which fednids and digest of features."""
    texts = {"fednids": version, "schema": schema}
    return RecordDict({_CONFIG: ConfigRecord({k: text for k, text in texts.items() if text})})


def read_query(content: RecordDict) -> tuple[str, str]:
    """Read what `query_content` wrote; empty texts where nothing was said."""
    config = cast(ConfigRecord, content[_CONFIG])
    return str(config.get("fednids", "")), str(config.get("schema", ""))


def task_content(arrays: SentArrays, task: Task) -> RecordDict:
    """Write what goes to a client to be trained or evaluated: arrays by name, and the task."""
    config = ConfigRecord(
        {
            _ROUND: task.server_round,
            "scaler-mean": task.scaler.mean.tolist(),
            "scaler-scale": task.scaler.scale.tolist(),
            "class-weights": task.class_weights.astype(float).tolist(),
            "size": task.size,
            "bytes": [task.bytes_down, task.bytes_up],
        }
    )
    if task.adjustment is not None:
        config[_ADJUSTMENT] = task.adjustment.astype(float).tolist()
    if task.score_first:
        config[_SCORE_FIRST] = True
    return RecordDict({ARRAYS: arrays_record(arrays), _CONFIG: config})


def ask_to_score_first(content: RecordDict) -> None:
    """Add to a training message that its weights are to be evaluated before they are trained."""
    content.config_records[_CONFIG][_SCORE_FIRST] = True


def read_task(content: RecordDict) -> tuple[dict[str, NDArray[Any]], Task]:
    """Read what the server sent: the arrays by name, and the task."""
    config = cast(ConfigRecord, content[_CONFIG])
    scaler = Scaler(_floats(config, "scaler-mean"), _floats(config, "scaler-scale"))
    class_weights = _floats(config, "class-weights").astype(np.float32)
    down, up = (int(count) for count in cast(Sequence[int], config["bytes"]))
    number, size = int(cast(int, config[_ROUND])), int(cast(int, config["size"]))
    adjustment = None
    if _ADJUSTMENT in config:
        adjustment = _floats(config, _ADJUSTMENT).astype(np.float32)
    first = bool(config.get(_SCORE_FIRST, False))
    task = Task(number, scaler, class_weights, size, down, up, adjustment, first)
    return read_arrays(cast(ArrayRecord, content[ARRAYS])), task


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
    card = statistics.card
    if card is None:
        return RecordDict({METRICS: metrics})
    for key in _COUNTED:
        metrics[key] = getattr(card, key).tolist()
    metrics["novel"] = card.novel
    texts = {"gateway": card.name, "fednids": card.fednids, "schema": card.schema}
    return RecordDict({METRICS: metrics, _CONFIG: ConfigRecord({**texts})})


def read_statistics(content: RecordDict) -> Statistics:
    """Read what `statistics_content` wrote."""
    metrics = cast(MetricRecord, content[METRICS])
    sums, squares = _floats(metrics, "sums"), _floats(metrics, "squares")
    moments = Moments(_int(metrics, EXAMPLES), sums, squares)
    partition_id, support = _int(metrics, _PARTITION), _ints(metrics, "train-support")
    return Statistics(partition_id, moments, support, _card(content, metrics))


def _card(content: RecordDict, metrics: MetricRecord) -> Card | None:
    if _CONFIG not in content:
        return None
    texts = cast(ConfigRecord, content[_CONFIG])
    name, version, schema = (str(texts[key]) for key in ("gateway", "fednids", "schema"))
    trained, validated, tested = (_ints(metrics, key) for key in _COUNTED)
    return Card(name, version, schema, trained, validated, tested, _int(metrics, "novel"))


def update_content(update: Update, encoded: SentArrays | None = None) -> RecordDict:
    """Write the answer to a training message.

    Parameters
    ----------
    update : Update
        What the gateway has to say.
    encoded : Mapping[str, ndarray], optional
        Its weights as they are sent, by name; as they are without.
    """
    weights = {WEIGHTS: update.weights} if encoded is None else encoded
    metrics = MetricRecord(
        {
            _PARTITION: update.partition_id,
            EXAMPLES: update.examples,
            "steps": update.steps,
            "loss": update.loss,
            "seconds": update.seconds,
            "compile-seconds": update.compile_seconds,
            "start-loss": update.start_loss,
            "choice": update.choice,
        }
    )
    return RecordDict({ARRAYS: arrays_record({**weights, **update.extras}), METRICS: metrics})


def read_update(content: RecordDict) -> tuple[Update, dict[str, NDArray[Any]]]:
    """Read what `update_content` wrote: the update, and its weights as they were sent.

    The update's own weights are empty where they were sent in parts.
    """
    metrics = cast(MetricRecord, content[METRICS])
    arrays = read_arrays(cast(ArrayRecord, content[ARRAYS]))
    extras = extras_of(arrays)
    sent = {name: array for name, array in arrays.items() if name not in extras}
    update = Update(
        _int(metrics, _PARTITION),
        sent.get(WEIGHTS, np.empty(0, np.float32)),
        _int(metrics, EXAMPLES),
        _int(metrics, "steps"),
        _float(metrics, "loss"),
        _float(metrics, "seconds"),
        _float(metrics, "compile-seconds"),
        _float(metrics, "start-loss"),
        extras,
        _int(metrics, "choice"),
    )
    return update, sent


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
    if evaluation.triggered is not None:
        metrics["triggered"] = evaluation.triggered.matrix.ravel().tolist()
    if evaluation.validation is not None:
        metrics["validation"] = evaluation.validation.matrix.ravel().tolist()
    for name, tally in _named(evaluation.curves):
        metrics[f"{_CURVES}-{name}"] = [*tally.places.tolist(), *tally.counts.tolist()]
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
        _counts(metrics, "triggered") if "triggered" in metrics else None,
        _counts(metrics, "validation") if "validation" in metrics else None,
        _tallies(metrics),
    )


def calibration_content(calibration: Calibration) -> RecordDict:
    """Write the answer to a message of the recalibration."""
    sums = calibration.sums
    metrics = MetricRecord({_PARTITION: calibration.partition_id})
    if isinstance(sums, HeadSums):
        metrics["loss"], metrics["weight"] = sums.loss, sums.weight
        arrays: SentArrays = {"gradient": sums.gradient, "hessian": sums.hessian}
    else:
        arrays = {"counts": sums.counts, "sums": sums.sums, "products": sums.products}
    return RecordDict({ARRAYS: arrays_record(arrays), METRICS: metrics})


def read_calibration(content: RecordDict) -> Calibration:
    """Read what `calibration_content` wrote."""
    metrics = cast(MetricRecord, content[METRICS])
    arrays = read_arrays(cast(ArrayRecord, content[ARRAYS]))
    if "loss" in metrics:
        found: HeadSums | ClassMoments = HeadSums(
            _float(metrics, "loss"),
            _float(metrics, "weight"),
            arrays["gradient"],
            arrays["hessian"],
        )
    else:
        found = ClassMoments(arrays["counts"], arrays["sums"], arrays["products"])
    return Calibration(_int(metrics, _PARTITION), found)


def with_evaluation(content: RecordDict, evaluation: Evaluation) -> RecordDict:
    """Add to the answer to a training message what was scored before."""
    content[_EVALUATION] = evaluation_content(evaluation)[METRICS]
    return content


def take_evaluation(content: RecordDict) -> RecordDict:
    """Take out what `with_evaluation` added, as the answer to an evaluation message.

    Nothing is in it where nothing was added.
    """
    found = content.pop(_EVALUATION, None)
    return RecordDict({} if found is None else {METRICS: found})


def content_bytes(content: RecordDict) -> int:
    """Count the bytes of the records in a message."""
    return sum(record.count_bytes() for record in content.values())


def _read_array(array: Array) -> NDArray[Any]:
    """Return what ``array.numpy()`` does, without parsing a header that was seen before."""
    data = array.data
    length = int.from_bytes(data[8:10], "little")
    if array.stype != _NUMPY or data[:8] != _NPY_1_0 or len(data) <= 10 + length:
        return array.numpy()
    shape, dtype = _read_header(data[8 : 10 + length])
    if dtype is None or math.prod(shape) <= 0:
        return array.numpy()
    flat = np.frombuffer(data, dtype, math.prod(shape), 10 + length)
    return flat.reshape(shape).copy()


@lru_cache(maxsize=256)
def _read_header(header: bytes) -> tuple[tuple[int, ...], np.dtype[Any] | None]:
    """Parse shape and type; no type for an array that is not plain numbers in C order."""
    shape, fortran, dtype = read_array_header_1_0(BytesIO(header))  # type: ignore[no-untyped-call]
    return shape, None if fortran or dtype.hasobject else dtype


def _int(record: MetricRecord, key: str) -> int:
    return int(cast(int, record[key]))


def _float(record: MetricRecord, key: str) -> float:
    return float(cast(float, record[key]))


def _floats(record: MetricRecord | ConfigRecord, key: str) -> NDArray[np.float64]:
    return np.array(cast(Sequence[float], record[key]), dtype=np.float64)


def _ints(record: MetricRecord, key: str) -> NDArray[np.int64]:
    return np.array(cast(Sequence[int], record[key]), dtype=np.int64)


def _named(tallies: Tallies | None) -> list[tuple[str, Tally]]:
    if tallies is None:
        return []
    found = {name: getattr(tallies, name) for name in ("all", "novel", "validation")}
    return [(name, tally) for name, tally in found.items() if tally is not None]


def _tallies(record: MetricRecord) -> Tallies | None:
    if f"{_CURVES}-all" not in record:
        return None
    validated = f"{_CURVES}-validation" in record
    return Tallies(
        _tally(record, "all"),
        _tally(record, "novel"),
        _tally(record, "validation") if validated else None,
    )


def _tally(record: MetricRecord, name: str) -> Tally:
    flat = _ints(record, f"{_CURVES}-{name}")
    return Tally(flat[: len(flat) // 2], flat[len(flat) // 2 :])


def _counts(record: MetricRecord, key: str) -> ConfusionCounts:
    flat = _ints(record, key)
    classes = round(len(flat) ** 0.5)
    return ConfusionCounts(flat.reshape(classes, classes))
