"""A run from its first file to its last; arms and Flower's ServerApp share it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.datasets.registry import chosen_dataset, chosen_features, class_names
from fednids.files import sha256_of, write_atomically
from fednids.networks.interface import Weights
from fednids.networks.model_file import Detector, save_detector
from fednids.runs.checkpoint import Checkpoint
from fednids.runs.facts import Facts
from fednids.runs.folder import RunFolder, prepare_folder
from fednids.runs.layout import CHECKPOINT, MODEL, MODELS, SCORES
from fednids.runs.plugins import current_plugins
from fednids.runs.provenance import note_process, read_provenance
from fednids.runs.records import ResultRecord
from fednids.runs.result import RunSeconds, build_result, chosen_threshold, score_histograms
from fednids.runs.rounds import Observer, Outcome, Round

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenRun:
    """A run with its flows and its folder.

    Attributes
    ----------
    kind : str
        The arm.
    config, folder
        Settings, and where the run is written.
    flows : FederatedDataset or None
        All flows; None in a deployment, where they are at their gateways.
    clock : RunSeconds
        Adds up the time spent.
    started : float
        When the command began, by `time.perf_counter`.
    """

    kind: str
    config: Config
    flows: FederatedDataset | None
    folder: RunFolder
    started: float
    clock: RunSeconds = field(default_factory=RunSeconds)

    @classmethod
    def begin(cls, kind: str, config: Config, out: Path, *, force: bool = False) -> OpenRun:
        """Open the flows, but those of a deployment, and make the folder.

        Raises
        ------
        FednidsError
            The flows cannot be read or dealt, or something is at ``out`` already; nothing
            has been written then.
        """
        started = time.perf_counter()
        dataset = _open(config)
        prepare_folder(out, force=force)
        folder = RunFolder(out, _classes(config, dataset))
        folder.create(kind, config)
        note_process(out / CHECKPOINT)
        _log_start(kind, config, dataset, out)
        return cls(
            kind, config, dataset, folder, started, RunSeconds(time.perf_counter() - started)
        )

    @classmethod
    def go_on(cls, path: Path, checkpoint: Checkpoint) -> OpenRun:
        """Open the flows of a stopped run and drop what came after its checkpoint."""
        started = time.perf_counter()
        config = checkpoint.config
        dataset = _open(config)
        folder = RunFolder(path, _classes(config, dataset))
        folder.reopen(checkpoint)
        note_process(path / CHECKPOINT)
        _log_start(checkpoint.kind, config, dataset, path)
        _log_resume(checkpoint)
        clock = RunSeconds(time.perf_counter() - started)
        return cls(checkpoint.kind, config, dataset, folder, started, clock)

    @property
    def dataset(self) -> FederatedDataset:
        """All flows of a simulation; a deployment's are not here."""
        if self.flows is None:
            raise ValueError("expected a simulation, got a deployment, whose flows are elsewhere")
        return self.flows

    @property
    def observers(self) -> tuple[Observer, ...]:
        """Whom the round loop has to call with each round."""
        return (self,)

    def round_ended(self, ended: Round, weights: Sequence[Weights]) -> None:
        """Write a round that has ended to the run folder, then to the log."""
        self.folder.round_ended(ended, weights)
        self.clock.round_ended(ended)
        _log_round(ended)

    def finish(
        self,
        outcome: Outcome,
        extra: Mapping[str, Any] | None = None,
        *,
        facts: Facts | None = None,
    ) -> ResultRecord:
        """Write detectors, pictures and result.

        Parameters
        ----------
        outcome : Outcome
            What the arm ended with.
        extra : Mapping, optional
            More entries for the result.
        facts : Facts, optional
            Of the gateways' flows, in a deployment; counted here without.

        Returns
        -------
        ResultRecord
            As written to ``result.json``.
        """
        from fednids.report.figures.run import draw_run

        seconds = time.perf_counter() - self.started
        facts = facts or Facts.of(self.dataset)
        self._save_detectors(outcome, facts)
        model = self.folder.path / MODEL
        result = build_result(
            self.kind,
            self.config,
            facts,
            outcome,
            self.clock.record(seconds),
            sha256=sha256_of(model) if model.is_file() else None,
            rounds=self.folder.rounds,
            provenance=read_provenance(self.folder.path / CHECKPOINT),
            **self.folder.course,
            **({"plugins": found} if (found := current_plugins()) else {}),
            **(extra or {}),
        )
        self._save_scores(outcome, facts)
        draw_run(result, facts.owned, self.folder.path)
        self.folder.finish(result, outcome.last)
        return result

    def _save_scores(self, outcome: Outcome, facts: Facts) -> None:
        """Write the histograms of scores, where they were counted."""
        found = score_histograms(outcome.last, facts.classes) if outcome.last else {}
        if found:
            content = json.dumps(found, separators=(",", ":"))
            write_atomically(self.folder.path / SCORES, content.encode())

    def _save_detectors(self, outcome: Outcome, facts: Facts) -> None:
        """Write the one detector, or each gateway's, and the global one if there is one.

        What a server has of personal layers or of several clusters is no detector.
        """
        path, network = self.folder.path, outcome.architecture
        names = [path / MODEL]
        if len(outcome.weights) > 1:
            (path / MODELS).mkdir(exist_ok=True)
            names = [
                path / MODELS / f"gateway-{k:05d}.safetensors" for k in range(len(facts.owned))
            ]
        detectors = list(zip(names, outcome.weights, outcome.tasks, strict=True))
        if outcome.overall is not None and len(names) > 1:
            detectors.append((path / MODEL, outcome.overall, outcome.tasks[0]))
        columns, wanted = _features(self.config, self.flows), self.config.run.false_alarms
        chosen = chosen_threshold(outcome.last, wanted) if outcome.last else None
        threshold = chosen.chance if chosen else None
        for name, weights, task in detectors:
            if len(weights) == network.size:
                about = (task.scaler, facts.classes, facts.features, columns, threshold)
                made = facts.data.synthetic
                save_detector(Detector(network, weights, *about, synthetic=made), name)


def _open(config: Config) -> FederatedDataset | None:
    return None if config.deploy.names else FederatedDataset.open(config)


def _log_start(kind: str, config: Config, dataset: FederatedDataset | None, path: Path) -> None:
    _LOG.info("%s run in %s", kind, path)
    for name, value in config.flat().items():
        _LOG.info("setting %s = %r", name, value)
    if dataset is None:
        _LOG.info("flows are at the gateways of a deployment: %s", config.deploy.gateways)
        return
    flows, split = dataset.flows, dataset.split
    _LOG.info(
        "flows: %s, %d, %d of them test flows, %d of these novel, sha256 %s",
        flows.origin.path, len(flows), int(split.test.sum()), int(split.novel.sum()),
        flows.origin.sha256,
    )  # fmt: skip
    sizes = dataset.training_sizes
    _LOG.info(
        "plan: %s, %d gateways with %d to %d training flows, fingerprint %s",
        dataset.plan.scheme, dataset.gateways, min(sizes), max(sizes), dataset.plan.fingerprint,
    )  # fmt: skip
    for k, size in enumerate(sizes):
        _LOG.debug("gateway %d has %d training flows", k, size)


def _log_resume(checkpoint: Checkpoint) -> None:
    _LOG.info("resumed after round %d", checkpoint.server_round)
    for reason in checkpoint.damaged:
        _LOG.warning("a damaged checkpoint was passed over: %s", reason)


def _log_round(ended: Round) -> None:
    for failure in ended.failures:
        _LOG.warning(
            "round %d: gateway %d failed to %s: %s",
            ended.number, failure.partition, failure.stage, failure.reason,
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


def _classes(config: Config, flows: FederatedDataset | None) -> tuple[str, ...]:
    return class_names(config) if flows is None else flows.classes


def _features(config: Config, flows: FederatedDataset | None) -> str:
    """Return the name of the feature set that a detector is shown."""
    if flows is not None:
        return flows.flows.origin.shown
    return chosen_features(chosen_dataset(config.data), config.data)
