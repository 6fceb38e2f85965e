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
from fednids.networks.cnn_bilstm.architecture import Architecture, Weights
from fednids.networks.cnn_bilstm.network import Single
from fednids.networks.cnn_bilstm.stacked import Stack, stackable
from fednids.networks.framework import Tensor, mindspore
from fednids.training.batches import Batches, Shape, Taps, fill, fill_evaluation
from fednids.training.graphs import Compiled, Loss, Scores, Steps
from fednids.training.jobs import Job, LocalTraining, Scored, Terms, Trained
from fednids.training.optimisers import OPTIMISERS

STEPS_PER_CALL = 32
"""Optimiser steps in one graph call; more gain nothing, fewer cost a call each."""

EVALUATION_BATCH = 1024
"""Windows scored in one graph call."""

SMALL_BATCH = 16
"""The same where there are no more of them: an answer within a millisecond or two."""

_numbers = itertools.count()
"""Trainers are told apart in the cache of compiled graphs: a graph whose parameters another
graph of the same network has brought along is not the graph of a new network."""

_MASKS = 4096
_PLAIN = Terms()


class Course:
    """Takes up to ``K`` jobs at a time through their optimiser steps.

    Parameters
    ----------
    owner : str
        Whose networks these are, for the cache of compiled graphs.
    detectors : Single | Stack
        The network, and how weights get into it and out of it.
    shape : Shape
        Of a graph call.
    optimiser : str
        A name in `fednids.training.optimisers.OPTIMISERS`.
    terms : Terms
        What is added to the gradients.
    """

    def __init__(
        self, owner: str, detectors: Single | Stack, shape: Shape, *, optimiser: str, terms: Terms
    ):
        self._detectors, self._shape = detectors, shape
        self._optimiser = OPTIMISERS[optimiser](detectors.network.trainable_params())
        loss = Loss(detectors.network, detectors.architecture.classes, shape.members)
        self._steps = Steps(loss, self._optimiser, detectors.row_shape, terms)
        self._anchors = detectors.memory(self._steps.anchors) if terms.pull else None
        self._shifts = detectors.memory(self._steps.shifts) if terms.shift else None
        self._sums = detectors.memory(self._steps.sums) if terms.tracked else None
        self.graph = Compiled(self._steps, f"{owner} {shape} {optimiser} {terms}")

    def show(self, vectors: NDArray[np.float32]) -> None:
        """Set the ``(V, F) float32`` vectors that windows refer to."""
        self._table = Tensor(self._detectors.table(vectors))
        self._taps = Taps(self._detectors.architecture, zero_row=len(vectors))

    def train(self, jobs: Sequence[Job], local: LocalTraining) -> list[Trained]:
        """Train at most ``K`` jobs, with fresh optimiser state unless `local` says otherwise.

        All make their steps at the same time until they have no more; what came of each is
        read when its last is made. Its place goes on with gradients of zero, and is pulled
        and shifted.
        """
        started, compiled = time.perf_counter(), self.graph.compile_seconds
        self._start(jobs)
        if local.fresh:
            self._optimiser.reset()
        size, ahead = self._shape.size, self._shape.steps
        feeds = [job.batches(local, size, ahead) for job in jobs]
        steps = np.array([job.steps(local, size) for job in jobs])
        losses, done = np.zeros(len(jobs)), 0
        ends: list[tuple[Weights, Weights | None]] = [(job.start, None) for job in jobs]
        for count in self._calls(steps):
            pairs = zip(jobs, feeds, strict=True)
            taken = [(job.windows, list(islice(feed, count))) for job, feed in pairs]
            found = self._call(taken, local, jobs[0].rng)[: len(jobs)]
            losses[steps > done] += found[steps > done]
            done += count
            for member in np.flatnonzero(steps == done):
                ends[member] = self._end(member, done)
        seconds = time.perf_counter() - started - (self.graph.compile_seconds - compiled)
        parts = zip(ends, losses / steps, steps, seconds * steps / steps.sum(), strict=True)
        return [Trained(w, float(loss), int(n), float(each), g) for (w, g), loss, n, each in parts]

    def _start(self, jobs: Sequence[Job]) -> None:
        """Write what every job starts from, and zeros where there is none."""
        nothing = np.zeros(self._detectors.architecture.size, np.float32)
        for member in range(self._shape.members):
            job = jobs[member] if member < len(jobs) else None
            start = nothing if job is None else job.start
            anchor = start if job is None or job.anchor is None else job.anchor
            shift = nothing if job is None or job.shift is None else job.shift
            for memory, vector in (
                (self._detectors.weights, start),
                (self._anchors, anchor),
                (self._shifts, shift),
                (self._sums, nothing),
            ):
                if memory is not None:
                    memory.load(member, vector)

    def _end(self, member: int, steps: int) -> tuple[Weights, Weights | None]:
        """Read a member's weights, and the mean of its gradients if that is asked for."""
        gradient = None
        if self._sums is not None:
            gradient = self._sums.read(member) / np.float32(steps)
        return self._detectors.weights.read(member), gradient

    def _calls(self, steps: NDArray[np.int64]) -> Iterator[int]:
        """Cut the steps into graph calls that end wherever a job does."""
        done = 0
        for end in np.unique(steps):
            while done < end:
                count = min(int(end) - done, self._shape.steps)
                yield count
                done += count

    def _call(
        self,
        feeds: Sequence[tuple[Windows, Sequence[NDArray[np.int64]]]],
        local: LocalTraining,
        rng: np.random.Generator,
    ) -> NDArray[np.float32]:
        """Make some steps; give each detector's sum of losses."""
        batches: Batches = fill(
            feeds, self._taps, class_weights=local.class_weights, shape=self._shape
        )
        losses: NDArray[np.float32] = self.graph(
            self._table,
            Tensor(batches.rows),
            Tensor(batches.labels),
            Tensor(batches.weights),
            *self._dropout(rng),
            Tensor(batches.steps, mindspore.int32),
            Tensor(local.learning_rate, mindspore.float32),
            Tensor(local.pull, mindspore.float32),
            Tensor(local.focal_gamma, mindspore.float32) if local.focal_gamma else None,
            None if local.adjustment is None else Tensor(local.adjustment),
        ).asnumpy()
        return losses

    def _dropout(self, rng: np.random.Generator) -> tuple[Tensor | None, Tensor | None]:
        """Draw channel masks, and which of them each step of each window gets."""
        architecture = self._detectors.architecture
        if not architecture.dropout:
            return None, None
        kept = rng.random((_MASKS, architecture.width)) >= architecture.dropout
        choices = architecture.steps[-1] * self._shape.size
        draws = rng.integers(_MASKS, size=(self._shape.steps, choices), dtype=np.int32)
        scale = np.float32(1 - architecture.dropout)
        return Tensor(kept.astype(np.float32) / scale), Tensor(draws)


class Trainer:
    """Trains and scores any detector of one architecture.

    Parameters
    ----------
    architecture : Architecture
        The network.
    vectors : ndarray
        ``(V, F) float32``: the distinct scaled feature vectors; windows refer to them.
    batch_size : int
        Windows per optimiser step.
    optimiser : str
        A name in `fednids.training.optimisers.OPTIMISERS`.
    terms : Terms
        What is added to the gradients.
    members : int
        The most jobs that share a graph; 1 trains each alone.

    Attributes
    ----------
    terms : Terms
        As given.
    """

    def __init__(
        self,
        architecture: Architecture,
        vectors: NDArray[np.float32],
        *,
        batch_size: int,
        optimiser: str,
        terms: Terms = _PLAIN,
        members: int = 1,
    ):
        self._architecture, self.terms = architecture, terms
        self._owner = f"{next(_numbers)} {architecture}"
        self._batch_size, self._optimiser = batch_size, optimiser
        self._members = members if stackable(architecture) else 1
        self._single = Single(architecture)
        self._scores: dict[int, Compiled] = {}
        self._courses: dict[int, Course] = {}
        self.show(vectors)

    @property
    def compile_seconds(self) -> float:
        """Time spent compiling so far."""
        graphs = [*self._scores.values(), *(course.graph for course in self._courses.values())]
        return sum(graph.compile_seconds for graph in graphs)

    def show(self, vectors: NDArray[np.float32]) -> None:
        """Replace the ``(V, F) float32`` vectors that windows refer to."""
        self._vectors = vectors
        self._table = Tensor(self._single.table(vectors))
        self._taps = Taps(self._architecture, zero_row=len(vectors))
        for course in self._courses.values():
            course.show(vectors)

    def train(self, job: Job, local: LocalTraining) -> Trained:
        """Train one gateway's detector."""
        return self.train_all([job], local)[0]

    def train_all(self, jobs: Sequence[Job], local: LocalTraining) -> list[Trained]:
        """Train the detectors of several gateways, in stacks where that is possible.

        A stack makes as many steps as its longest job: jobs of about the same length
        should come together.

        Parameters
        ----------
        jobs : Sequence[Job]
            At least one.
        local : LocalTraining
            What to do, the same for all.

        Returns
        -------
        list[Trained]
            New weights and mean loss of each.
        """
        together = self._members if len(jobs) > 1 else 1
        groups = [jobs[start : start + together] for start in range(0, len(jobs), together)]
        course = self._course(together)
        return [trained for group in groups for trained in course.train(group, local)]

    def score(self, weights: Weights, windows: Windows) -> Scored:
        """Score windows with the given ``(P,) float32`` weights."""
        return self.score_all(weights, [windows])[0]

    def score_all(self, weights: Weights, gateways: Sequence[Windows]) -> list[Scored]:
        """Score the windows of one or more gateways, laid end to end so that batches are full."""
        self._single.weights.load(0, weights)
        bounds = np.cumsum([0, *map(len, gateways)])
        predicted = np.empty(bounds[-1], np.int32)
        losses = np.empty(bounds[-1], np.float32)
        logits = np.empty((bounds[-1], self._architecture.classes), np.float32)
        size = EVALUATION_BATCH if bounds[-1] > SMALL_BATCH else SMALL_BATCH
        for start in range(0, bounds[-1], size):
            stop = min(start + size, bounds[-1])
            batch = fill_evaluation(gateways, bounds, start, self._taps, size)
            found = self._scoring(size)(self._table, *map(Tensor, batch))
            for answers, each in zip((predicted, losses, logits), found, strict=True):
                answers[start:stop] = each.asnumpy()[: stop - start]
        arrays = (np.split(array, bounds[1:-1]) for array in (predicted, losses, logits))
        parts = zip(*arrays, strict=True)
        return [
            Scored(classes, float(each.sum(dtype=np.float64)), given)
            for classes, each, given in parts
        ]

    def _scoring(self, size: int) -> Compiled:
        """Give the graph that scores so many windows; made when first needed."""
        if size not in self._scores:
            classes, shape = self._architecture.classes, self._single.row_shape
            graph = Scores(self._single.network, classes, shape)
            self._scores[size] = Compiled(graph, self._owner)
        return self._scores[size]

    def _course(self, members: int) -> Course:
        """Give the graph for single jobs or for stacks; made when first needed."""
        if members not in self._courses:
            stacked = members > 1
            detectors = Stack(self._architecture, members) if stacked else self._single
            course = Course(
                self._owner,
                detectors,
                Shape(STEPS_PER_CALL, members, self._batch_size),
                optimiser=self._optimiser,
                terms=self.terms,
            )
            course.show(self._vectors)
            self._courses[members] = course
        return self._courses[members]
