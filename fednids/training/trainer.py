"""Training and evaluation of one detector after another in one compiled network.

A `Trainer` compiles its graphs once and serves any number of gateways of any size: weights
are written in place, optimiser state is cleared in place, and the loop over minibatches
runs inside the graph, which gathers each batch by index. Jobs that come together are
trained as one stacked network.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from fednids.flows.windows import Windows
from fednids.networks.cells import Detectors
from fednids.networks.framework import Tensor, mindspore
from fednids.networks.interface import Architecture, Weights
from fednids.training.compile_cache import code_digest
from fednids.training.graphs import (
    CompiledGraph,
    RepresentedWindows,
    ScoredWindows,
    TrainingSteps,
    build_terms,
)
from fednids.training.jobs import (
    LocalTraining,
    Predictions,
    TrainingJob,
    TrainingResult,
    WindowReader,
    fill,
    fill_evaluation,
)
from fednids.training.objective import Objective
from fednids.training.optimisers import OPTIMISERS

STEPS_PER_CALL = 32
"""Optimiser steps in one graph call; more gain nothing, fewer cost a call each."""

EVALUATION_BATCH = 1024
"""Windows scored in one graph call."""

SMALL_BATCH = 16
"""The same where there are no more of them: an answer within a millisecond or two."""

_numbers = itertools.count()
"""Numbers trainers for the cache of compiled graphs: a graph whose parameters another
graph of the same network has brought along is not the graph of a new network."""

_MASKS = 4096


class StepLoop:
    """Takes up to ``K`` jobs at a time through their optimiser steps.

    All jobs have the form of the objective. The owner is whose networks these are, for the cache
    of compiled graphs.

    Attributes
    ----------
    members : int
        ``K``.
    graph : CompiledGraph
        Some steps of each.
    """

    def __init__(
        self, owner: str, detectors: Detectors, size: int, optimiser: str, objective: Objective
    ):
        self._detectors, self.members, self._size = detectors, detectors.members, size
        self._optimiser = OPTIMISERS[optimiser](detectors.cell.trainable_params())
        self._terms = build_terms(detectors, objective)
        steps = TrainingSteps(detectors, self._optimiser, objective, self._terms)
        self._sums = detectors.memory(steps.sums) if objective.track_gradient else None
        terms = [each for cells in self._terms for each in (cells.changed, cells.added) if each]
        identity = f"{owner} {self.members} {size} {optimiser} {objective.form}"
        self.graph = CompiledGraph(steps, identity, [detectors.cell, *terms])

    def show(self, vectors: NDArray[np.float32]) -> None:
        """Set the ``(V, F) float32`` vectors that windows refer to."""
        self._table, self._reader = _inputs(self._detectors, vectors)

    def train(self, jobs: Sequence[TrainingJob], local: LocalTraining) -> list[TrainingResult]:
        """Train at most ``K`` jobs, with fresh optimiser state if `local.fresh`.

        All make their steps at the same time until they have no more; what came of each is
        read when its last is made. Its place goes on with gradients of zero, which the
        objective's terms change.
        """
        started, compiled = time.perf_counter(), self.graph.compile_seconds
        self._start(jobs)
        if local.fresh:
            self._optimiser.reset()
        feeds = [job.batches(local, self._size, STEPS_PER_CALL) for job in jobs]
        steps = np.array([job.steps(local, self._size) for job in jobs])
        losses, done = np.zeros(len(jobs)), 0
        ends: list[tuple[Weights, Weights | None]] = [(job.start, None) for job in jobs]
        for count in self._calls(steps):
            pairs = zip(jobs, feeds, strict=True)
            taken = [(job.windows, list(islice(feed, count))) for job, feed in pairs]
            found = self._call(taken, count, local, jobs)[: len(jobs)]
            losses[steps > done] += found[steps > done]
            done += count
            for member in np.flatnonzero(steps == done):
                ends[member] = self._end(member, done)
        seconds = time.perf_counter() - started - (self.graph.compile_seconds - compiled)
        parts = zip(ends, losses / steps, steps, seconds * steps / steps.sum(), strict=True)
        return [
            TrainingResult(weights, float(loss), int(count), float(spent), gradient)
            for (weights, gradient), loss, count, spent in parts
        ]

    def _start(self, jobs: Sequence[TrainingJob]) -> None:
        """Write what every job starts from, and zeros where there is none."""
        nothing = np.zeros(self._detectors.architecture.size, np.float32)
        for member in range(self.members):
            job = jobs[member] if member < len(jobs) else None
            start = nothing if job is None else job.start
            self._detectors.weights.load(member, start)
            for place, cells in enumerate(self._terms):
                cells.load(member, job.objective.terms[place] if job else None, start)
            if self._sums is not None:
                self._sums.load(member, nothing)

    def _end(self, member: int, steps: int) -> tuple[Weights, Weights | None]:
        """Read a member's weights, and the mean of its gradients if they are tracked."""
        gradient = None
        if self._sums is not None:
            gradient = self._sums.read(member) / np.float32(steps)
        return self._detectors.weights.read(member), gradient

    def _calls(self, steps: NDArray[np.int64]) -> Iterator[int]:
        """Cut the steps into graph calls that end wherever a job does."""
        done = 0
        for end in np.unique(steps):
            while done < end:
                count = min(int(end) - done, STEPS_PER_CALL)
                yield count
                done += count

    def _call(
        self,
        feeds: Sequence[tuple[Windows, Sequence[NDArray[np.int64]]]],
        steps: int,
        local: LocalTraining,
        jobs: Sequence[TrainingJob],
    ) -> NDArray[np.float32]:
        """Make some steps; return each detector's sum of losses."""
        shape = (STEPS_PER_CALL, self.members, self._size)
        losses: NDArray[np.float32] = self.graph(
            self._table,
            *map(Tensor, fill(feeds, self._reader, local.class_weights, shape)),
            *self._dropout(jobs[0].rng),
            Tensor(steps, mindspore.int32),
            Tensor(local.learning_rate, mindspore.float32),
            Tensor(local.focal_gamma, mindspore.float32) if local.focal_gamma else None,
            self._adjustments(jobs),
            *[Tensor(number, mindspore.float32) for number in jobs[0].objective.numbers()],
        ).asnumpy()
        return losses

    def _adjustments(self, jobs: Sequence[TrainingJob]) -> Tensor | None:
        """Return what is added to each member's logits, ``(K, 1, C)``."""
        given = [job.adjustment for job in jobs if job.adjustment is not None]
        if not given:
            return None
        adjustments = np.zeros((self.members, 1, len(given[0])), np.float32)
        adjustments[: len(given), 0] = given
        return Tensor(adjustments)

    def _dropout(self, rng: np.random.Generator) -> tuple[Tensor | None, Tensor | None]:
        """Draw masks, and which of them each step of each window gets."""
        dropout = self._detectors.architecture.network.dropout()
        if dropout is None:
            return None, None
        kept = rng.random((_MASKS, dropout.width)) >= dropout.share
        choices = dropout.rows * self._size
        draws = rng.integers(_MASKS, size=(STEPS_PER_CALL, choices), dtype=np.int32)
        scale = np.float32(1 - dropout.share)
        return Tensor(kept.astype(np.float32) / scale), Tensor(draws)


def _inputs(detectors: Detectors, vectors: NDArray[np.float32]) -> tuple[Tensor, WindowReader]:
    """Return a table of ``(V, F)`` vectors and a row of zeros, and what looks up its rows."""
    window, zero_row = detectors.architecture.window, len(vectors)
    return Tensor(detectors.table(vectors)), WindowReader(detectors.steps, window, zero_row)


class Trainer:
    """Trains and scores any detector of one architecture.

    Parameters
    ----------
    vectors : ndarray
        ``(V, F) float32``: the distinct scaled feature vectors; windows refer to them.
    batch_size : int
        Windows per optimiser step.
    optimiser : str
        A name in `fednids.training.optimisers.OPTIMISERS`.
    members : int
        The most jobs that share a graph; 1 trains each alone, as a network without a stacked
        form always does.
    """

    def __init__(
        self,
        architecture: Architecture,
        vectors: NDArray[np.float32],
        *,
        batch_size: int,
        optimiser: str,
        members: int = 1,
    ):
        self.architecture = architecture
        code = code_digest([type(architecture.network)])
        self._owner = f"{next(_numbers)} {architecture} {code}"
        self._batch_size, self._optimiser = batch_size, optimiser
        self._members, self._single = members, Detectors(architecture)
        self._scores: dict[int, CompiledGraph] = {}
        self._represents: CompiledGraph | None = None
        self._stack: Detectors | None = None
        self._loops: dict[tuple[object, ...], StepLoop] = {}
        self.show(vectors)

    @property
    def compile_seconds(self) -> float:
        """Time spent compiling so far."""
        graphs = [*self._scores.values(), *(loop.graph for loop in self._loops.values())]
        graphs += [self._represents] if self._represents else []
        return sum(graph.compile_seconds for graph in graphs)

    def show(self, vectors: NDArray[np.float32]) -> None:
        """Replace the ``(V, F) float32`` vectors that windows refer to."""
        self._vectors = vectors
        self._table, self._reader = _inputs(self._single, vectors)
        for loop in self._loops.values():
            loop.show(vectors)

    def train(self, job: TrainingJob, local: LocalTraining) -> TrainingResult:
        """Train one client's detector."""
        return self.train_all([job], local)[0]

    def train_all(self, jobs: Sequence[TrainingJob], local: LocalTraining) -> list[TrainingResult]:
        """Train the detectors of several clients, in stacks where that is possible.

        A stack makes as many steps as its longest job: jobs of about the same length should come
        together. The objectives of all jobs, at least one, go together.

        Raises
        ------
        ConfigError
            A term of the objective reads what the network's cell does not return.
        """
        objective = jobs[0].objective
        if not all(objective.goes_with(job.objective) for job in jobs):
            raise ValueError("expected jobs whose objectives go together")
        loop = self._loop(objective, stacked=len(jobs) > 1 and objective.stacks)
        groups = [jobs[start : start + loop.members] for start in range(0, len(jobs), loop.members)]
        return [trained for group in groups for trained in loop.train(group, local)]

    def score(self, weights: Weights, windows: Windows) -> Predictions:
        """Score windows with the given ``(P,) float32`` weights."""
        return self.score_all(weights, [windows])[0]

    def score_all(self, weights: Weights, clients: Sequence[Windows]) -> list[Predictions]:
        """Score the windows of one or more clients, laid end to end so that batches are full."""
        self._single.weights.load(0, weights)
        bounds = np.cumsum([0, *map(len, clients)])
        predicted = np.empty(bounds[-1], np.int32)
        losses = np.empty(bounds[-1], np.float32)
        logits = np.empty((bounds[-1], self.architecture.classes), np.float32)
        size = EVALUATION_BATCH if bounds[-1] > SMALL_BATCH else SMALL_BATCH
        if size not in self._scores:
            self._scores[size] = CompiledGraph(ScoredWindows(self._single), self._owner)
        for start in range(0, bounds[-1], size):
            stop = min(start + size, bounds[-1])
            batch = fill_evaluation(clients, bounds, start, self._reader, size)
            found = self._scores[size](self._table, *map(Tensor, batch))
            for answers, each in zip((predicted, losses, logits), found, strict=True):
                answers[start:stop] = each.asnumpy()[: stop - start]
        arrays = (np.split(array, bounds[1:-1]) for array in (predicted, losses, logits))
        parts = zip(*arrays, strict=True)
        return [
            Predictions(classes, float(each.sum(dtype=np.float64)), given)
            for classes, each, given in parts
        ]

    def represent(self, weights: Weights, windows: Windows) -> NDArray[np.float32]:
        """Return what the head reads of windows under ``(P,) float32`` weights, ``(n, D)``."""
        self._single.weights.load(0, weights)
        if self._represents is None:
            self._represents = CompiledGraph(RepresentedWindows(self._single), self._owner)
        bounds, parts = np.array([0, len(windows)]), []
        for start in range(0, len(windows), EVALUATION_BATCH):
            rows, _ = fill_evaluation([windows], bounds, start, self._reader, EVALUATION_BATCH)
            found = self._represents(self._table, Tensor(rows)).asnumpy()
            parts.append(found[: len(windows) - start].copy())
        return np.concatenate(parts)

    def _loop(self, objective: Objective, *, stacked: bool) -> StepLoop:
        """Return the loop for single jobs or for stacks; made when first needed."""
        if stacked and self._members > 1 and self._stack is None:
            form = self.architecture.network.stacked(self._members)
            self._stack = Detectors(self.architecture, form) if form else self._single
        detectors = self._stack if stacked and self._stack else self._single
        key = (detectors.members, objective.form)
        if key not in self._loops:
            loop = StepLoop(self._owner, detectors, self._batch_size, self._optimiser, objective)
            loop.show(self._vectors)
            self._loops[key] = loop
        return self._loops[key]
