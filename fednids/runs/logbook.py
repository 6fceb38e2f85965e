"""What a run tells the log: settings, flows, plan, rounds, failures, checkpoints, resumes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.networks.cnn_bilstm.architecture import Weights
from fednids.runs.checkpoint import Checkpoint
from fednids.runs.rounds import Round

_LOG = logging.getLogger(__name__)


def log_start(kind: str, config: Config, fleet: FederatedDataset | None, path: Path) -> None:
    """Tell what begins or goes on: every setting, the flows, and how they are dealt."""
    _LOG.info("%s run in %s", kind, path)
    for name, value in config.flat().items():
        _LOG.info("setting %s = %r", name, value)
    if fleet is None:
        _LOG.info("flows are at the gateways of a deployment: %s", config.deploy.gateways)
        return
    flows, split = fleet.flows, fleet.split
    _LOG.info(
        "flows: %s, %d, %d of them test flows, %d of these novel, sha256 %s",
        flows.origin.path, len(flows), int(split.test.sum()), int(split.novel.sum()),
        flows.origin.sha256,
    )  # fmt: skip
    sizes = fleet.training_sizes
    _LOG.info(
        "plan: %s, %d gateways with %d to %d training flows, fingerprint %s",
        fleet.plan.scheme, fleet.gateways, min(sizes), max(sizes), fleet.plan.fingerprint,
    )  # fmt: skip
    for k, size in enumerate(sizes):
        _LOG.debug("gateway %d has %d training flows", k, size)


def log_resume(checkpoint: Checkpoint) -> None:
    """Tell where a run goes on."""
    _LOG.info("resumed after round %d", checkpoint.server_round)
    for reason in checkpoint.damaged:
        _LOG.warning("a damaged checkpoint was passed over: %s", reason)


class RoundLog:
    """Tells the log of every round that is on disk; an `Observer`."""

    def round_ended(self, ended: Round, weights: Sequence[Weights]) -> None:
        """Tell of a round and of each failure in it."""
        for failure in ended.failures:
            _LOG.warning(
                "round %d: gateway %d failed to %s: %s",
                ended.number, failure.partition_id, failure.stage, failure.reason,
            )  # fmt: skip
        counts = ended.counts
        _LOG.info(
            "round %d: %d updates, %d failures, loss %.6g, test loss %.6g, accuracy %.4f over %d "
            "test flows, %.2f s training, %.2f s scoring, %d bytes down, %d up; checkpoint written",
            ended.number, len(ended.updates), len(ended.failures), ended.train_loss,
            ended.test_loss, counts.matrix.trace() / max(counts.total, 1), counts.total,
            ended.train_seconds, ended.evaluate_seconds, ended.bytes_down, ended.bytes_up,
        )  # fmt: skip
        for update in ended.updates:
            _LOG.debug(
                "round %d: gateway %d trained on %d windows in %d steps, loss %.6g, %.2f s",
                ended.number, update.partition_id, update.examples, update.steps, update.loss,
                update.seconds,
            )  # fmt: skip
