"""The rounds: the algorithm of federated learning, read from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add, attrgetter

import numpy as np
from flwr.app import Message, MessageType
from flwr.serverapp import Grid

from fednids.algorithms import find_algorithm
from fednids.algorithms.interface import Aggregate, RoundStart, State
from fednids.config import Config
from fednids.errors import ConfigError, FederationError, RunError
from fednids.messages.codec import WeightCodec
from fednids.messages.encodings.parts import SentArrays
from fednids.messages.records import content_bytes, task_content, update_content
from fednids.messages.values import Card, Evaluation, Task, Update
from fednids.networks.interface import Weights
from fednids.runs.checkpoint import Checkpoint, selection_of
from fednids.runs.records import FailureRecord
from fednids.runs.rounds import Observer, Outcome, Round
from fednids.runs.selection import Selection, check_selection, validation_macro_f1
from fednids.simulation import ClientOutcome, Environment, RoundOutcomes
from fednids.simulation.adversaries.malicious import MaliciousClients
from fednids.simulation.environment import no_update_counted
from fednids.simulation.outcomes import UNRECEIVED
from fednids.training.initial import initial_task, run_architecture
from server.adversary import Adversary
from server.link import Early, open_link
from server.participants import ClientList, batches
from server.recalibration import Recalibrator, recalibration_kind
from server.replies import Expected, Replies, evaluation_reader, update_reader

CleanTrainer = Callable[[Weights, Task], Weights]
"""Trains weights on clean flows that the server has, as clients train on theirs."""


@dataclass(frozen=True)
class _Trained:
    """A round that has been trained and aggregated, and is not yet evaluated."""

    task: Task
    aggregate: Aggregate
    outcomes: RoundOutcomes
    updates: Sequence[Update]
    failures: Sequence[FailureRecord]
    bytes_down: int
    bytes_up: int
    seconds: float


class Federation:
    """One federated run.

    Parameters
    ----------
    grid : Grid
        The way to the clients, on any engine or over Flower's network.
    config : Config
        Settings of the run.
    observers : Sequence[Observer]
        Called at the end of each round.
    clean_trainer : Callable, optional
        For an algorithm that compares updates with the server's own training.

    Attributes
    ----------
    cards : Sequence[Card]
        What the gateways of a deployment sent of themselves, once they have joined.

    Raises
    ------
    ConfigError
        There is no such algorithm, attack or encoding, the algorithm needs more participants or
        clean flows, or the trace of availability is not as it must be.
    """

    def __init__(
        self,
        grid: Grid,
        config: Config,
        observers: Sequence[Observer] = (),
        clean_trainer: CleanTrainer | None = None,
    ):
        check_selection(config)
        check_keep(config)
        if clean_trainer is None:
            check_clean_flows(config)
        self._config, self._observers, self._clean_trainer = config, observers, clean_trainer
        self._algorithm, self._codec = find_algorithm(config), WeightCodec(config)
        self._recalibrate = recalibration_kind(config, self._algorithm)
        self._environment = Environment(config)
        self._malicious = MaliciousClients.of(config, config.partition.gateways)
        self._adversary = Adversary(self._malicious)
        self._link = open_link(grid, config)
        self.cards: Sequence[Card] = ()

    def run(self, resumed: Checkpoint | None = None) -> Outcome:
        """Run all rounds.

        Parameters
        ----------
        resumed : Checkpoint, optional
            Where to continue; from the start without.

        Returns
        -------
        Outcome
            Of the last round, or with ``run.keep`` of the best on validation flows; its head
            fitted again where ``federation.recalibrate`` or the algorithm says so.

        Raises
        ------
        FederationError
            Too few clients answered, too few answers were usable, or not one round had an
            update that counts.
        RunError
            The algorithm's state is missing in the checkpoint, or damaged.
        """
        config, algorithm = self._config, self._algorithm
        clients, statistics = self._link.join(config)
        self.cards = [found.card for found in statistics if found.card]
        task = initial_task(statistics, config, algorithm.sampling)
        network = run_architecture(task, config)
        start = RoundStart(
            0,
            algorithm.initial_weights(network, config.run.seed),
            layout=network.layout,
            class_counts={found.partition_id: found.train_support for found in statistics},
        )
        start = replace(start, state=algorithm.initial_state(len(start.weights)))
        if resumed and resumed.weights:
            state = _checked_state(resumed.state, start.state)
            start = replace(
                start, server_round=resumed.server_round, weights=resumed.weights[0], state=state
            )
        task = self._with_bytes(replace(task, size=len(start.weights)), start)
        selection, ended = selection_of(config, resumed), list[Round]()
        counted = any(past["participants"] for past in resumed.rounds) if resumed else False

        try:
            while start.server_round < config.federation.rounds and not selection.stops:
                start = replace(start, server_round=start.server_round + 1)
                trained = self._train(
                    clients, start, replace(task, server_round=start.server_round)
                )
                start = replace(
                    start, weights=trained.aggregate.weights, state=trained.aggregate.state
                )
                counted = counted or bool(trained.updates)
                self._link.finish_round(partial(self._finish, clients, trained, selection, ended))
        except FederationError:
            with suppress(FederationError):
                self._link.flush()  # a round that fails does not take the one before with it
            raise
        if not counted:
            raise no_update_counted(config.federation.rounds)
        self._link.flush()

        number, weights, last = start.server_round, start.weights, ended[-1:]
        if selection.chosen:
            number, (weights,) = selection.chosen.server_round, selection.chosen.weights
            last = []
        recalibration = None
        if (kind := self._recalibrate) != "none":
            counts = reduce(add, [found.train_support for found in statistics])
            recalibrator = Recalibrator(kind, config, network, clients, self._link.exchange, counts)
            weights, recalibration = recalibrator.recalibrate(
                weights, replace(task, server_round=number)
            )
            last = []
        if not last:
            last = [self._evaluated_again(clients, weights, replace(task, server_round=number))]
        return Outcome(network, [task], [weights], last[0], recalibration=recalibration)

    # --- one round -------------------------------------------------------------------------------

    def _train(self, clients: ClientList, start: RoundStart, task: Task) -> _Trained:
        """Sample, send, check what comes back, aggregate."""
        began, algorithm, number = time.perf_counter(), self._algorithm, task.server_round

        # 1. Sample clients, and find out whose updates will arrive in time.
        outcomes = self._sample(clients, task)
        counting = clients.longest_first(outcomes.aggregated)

        # 2. Send the weights, and what the algorithm sends beside them.
        packed, sent = self._codec.pack(start.weights, number - 1)
        content = task_content({**packed, **self._beside(start)}, task)
        messages = {
            k: Message(content, clients.nodes[k], MessageType.TRAIN)
            for k in outcomes.sampled.tolist()
        }
        bytes_down = content_bytes(content) * len(messages)
        bytes_up = task.bytes_up * len(outcomes.of(ClientOutcome.LATE))
        if self._cancelled(clients, counting):
            unchanged = Aggregate(start.weights, start.state)
            seconds = time.perf_counter() - began
            return _Trained(task, unchanged, outcomes, [], [], bytes_down, bytes_up, seconds)

        # 3. Check each update as it comes, and add it. Malicious clients' are replaced here.
        clean = None
        if algorithm.clean_flows and self._clean_trainer:
            clean = self._clean_trainer(sent, task)
        aggregation = algorithm.begin(
            replace(start, weights=sent, participants=counting, clean=clean)
        )
        replies = Replies("train", update_reader(self._expected(sent)), clients.names)
        training = {k: messages[k] for k in counting}
        usable = replies.usable(training, self._link.train(training))
        updates: list[Update] = []
        for update in self._adversary.corrupt(usable, partial(self._reference, sent), number):
            if reason := self._too_far(update, sent):
                replies.refuse(update.partition_id, reason)
                continue
            updates.append(replace(update, weights=sent[:0], extras={}))
            if update.examples:
                aggregation.add(update)
        replies.demand(self._config.federation.max_failures, number)
        _check_windows(updates, number)

        # 4. Aggregate. What encoding lost on the way to the clients is not lost at the server.
        aggregate = aggregation.finish()
        if sent is not start.weights:
            moved = start.weights + (aggregate.weights - sent)
            aggregate = replace(aggregate, weights=moved)
        _check_finite(aggregate.weights, number)

        # Clients with a state train even if their updates are lost.
        if algorithm.remembers or algorithm.personal or self._codec.feedback:
            lost = outcomes.of(*UNRECEIVED)
            for _ in self._link.exchange([messages[k] for k in lost]):
                pass
        updates.sort(key=attrgetter("partition_id"))
        failures, bytes_up = replies.failures, replies.received + bytes_up
        seconds = time.perf_counter() - began
        return _Trained(task, aggregate, outcomes, updates, failures, bytes_down, bytes_up, seconds)

    def _finish(
        self,
        clients: ClientList,
        trained: _Trained,
        selection: Selection,
        ended: list[Round],
        early: Early,
    ) -> None:
        """Have every client evaluate the new weights, and report the round."""
        weights, number = trained.aggregate.weights, trained.task.server_round
        ended.clear()  # its counts are many: never hold those of two rounds
        evaluated = self._evaluate(clients, weights, trained.task, early)
        malicious = None
        if self._config.attack.kind != "none":
            came = {update.partition_id for update in trained.updates}
            malicious = tuple(k for k in self._malicious.attackers(number) if k in came)
        finished = replace(
            evaluated,
            updates=trained.updates,
            failures=[*trained.failures, *evaluated.failures],
            train_seconds=trained.seconds,
            bytes_down=trained.bytes_down + evaluated.bytes_down,
            bytes_up=trained.bytes_up + evaluated.bytes_up,
            state=trained.aggregate.state,
            malicious=malicious,
            log=trained.aggregate.log if trained.updates else {},
            outcomes=None if self._config.deploy.names else trained.outcomes,
        )
        ended.append(finished)
        selection.round_ended(number, validation_macro_f1(finished), [weights])
        for observer in self._observers:
            observer.round_ended(finished, [weights])

    def _evaluate(self, clients: ClientList, weights: Weights, task: Task, early: Early) -> Round:
        """Have every client, available or not, evaluate weights on its own test flows."""
        began, number = time.perf_counter(), task.server_round
        reader = evaluation_reader(len(task.class_weights))
        replies, bytes_down = Replies("evaluate", reader, clients.names), 0
        evaluations: list[Evaluation] = [*replies.usable(early.sent, early.replies)]
        left = [k for k in clients.longest_first(range(len(clients.nodes))) if k not in early.sent]
        if left:
            packed, _ = self._codec.pack(weights, number)
            content = task_content(packed, task)
            bytes_down = content_bytes(content) * len(left)
            for batch in batches(left):
                scoring = {
                    k: Message(
                        content, clients.nodes[k], MessageType.EVALUATE, group_id=str(number)
                    )
                    for k in batch
                }
                evaluations += replies.usable(scoring, self._link.exchange(list(scoring.values())))
        replies.demand(self._config.federation.max_failures, number)
        evaluations.sort(key=attrgetter("partition_id"))
        seconds = time.perf_counter() - began
        return Round(
            number, [], evaluations, replies.failures, 0.0, seconds, bytes_down, replies.received
        )

    def _evaluated_again(self, clients: ClientList, weights: Weights, task: Task) -> Round:
        """Evaluate weights that are not the last round's, or of a run that had no round left."""
        found = self._evaluate(clients, weights, task, Early())
        nobody = None if self._config.attack.kind == "none" else ()
        return replace(found, malicious=nobody, bytes_down=0, bytes_up=0)

    # --- details ---------------------------------------------------------------------------------

    def _beside(self, start: RoundStart) -> SentArrays:
        return {name: start.state[name].astype(np.float32) for name in self._algorithm.sends}

    def _sample(self, clients: ClientList, task: Task) -> RoundOutcomes:
        environment, number = self._environment, task.server_round
        windows = clients.windows(number, self._config.partition.arrival)
        work = environment.work(task.bytes_down, task.bytes_up)
        return environment.outcomes(number, environment.sample(number), windows, work)

    def _cancelled(self, clients: ClientList, counting: Sequence[int]) -> bool:
        """Return whether unavailable clients leave too few updates for the algorithm."""
        if not self._environment.eventful:
            return False
        trained = sum(clients.examples[k] > 0 for k in counting)
        return not trained or self._algorithm.fault(trained) is not None

    def _reference(self, sent: Weights, update: Update) -> Weights:
        return self._algorithm.reference(sent, update.choice)

    def _expected(self, sent: Weights) -> Expected:
        """Return what an update must bring, where training starts from some weights."""

        def decode(update: Update, arrays: SentArrays) -> Weights:
            return self._codec.read_update(self._reference(sent, update), arrays)

        algorithm = self._algorithm
        size = algorithm.update_size(len(sent))
        return Expected(size, algorithm.returns, algorithm.needs_start_loss, decode)

    def _too_far(self, update: Update, sent: Weights) -> str | None:
        """Return what is wrong with an update that changes the weights by more than is allowed."""
        bound = self._config.federation.norm_bound
        if not bound or not update.examples:
            return None
        length = float(np.linalg.norm(update.weights - self._reference(sent, update)))
        if length <= bound:
            return None
        return f"expected a change of at most {bound:g} (federation.norm_bound), got {length:.4g}"

    def _with_bytes(self, task: Task, start: RoundStart) -> Task:
        """Add the bytes of a client's two messages, the same in every round, to a task."""
        packed, _ = self._codec.pack(start.weights, 0)
        down = task_content({**packed, **self._beside(start)}, task)
        size = self._algorithm.update_size(len(start.weights))
        extras = {name: np.zeros(size, np.float32) for name in self._algorithm.returns}
        update = Update(0, start.weights[:0], 1, 1, 0.0, 0.0, 0.0, extras=extras)
        up = update_content(update, self._codec.update_arrays(size))
        return replace(task, bytes_down=content_bytes(down), bytes_up=content_bytes(up))


def check_clean_flows(config: Config) -> None:
    """Check that a server without flows can run the algorithm.

    Raises
    ------
    ConfigError
        It cannot.
    """
    if find_algorithm(config).clean_flows:
        raise ConfigError(
            f"expected a server with clean flows of its own for {config.strategy.name}, got "
            "one without; run it with `fednids simulate`, or choose another strategy.name"
        )


def check_keep(config: Config) -> None:
    """Check that the best round can be kept: not where clients keep a part of their detectors.

    Raises
    ------
    ConfigError
        It cannot.
    """
    if config.run.keep == "best" and find_algorithm(config).personal:
        raise ConfigError(
            f"expected run.keep last for {config.strategy.name}, whose clients remember "
            "the last rounds alone, got best; leave it out"
        )


def _checked_state(found: State, initial: State) -> State:
    """Return the state of a checkpoint, which must have the arrays of the initial state."""
    shapes = {name: (array.shape, str(array.dtype)) for name, array in found.items()}
    wanted = {name: (array.shape, "float64") for name, array in initial.items()}
    if shapes != wanted or not all(np.isfinite(array).all() for array in found.values()):
        raise RunError(
            f"expected a checkpoint with the strategy's state {list(wanted)}, each float64, finite "
            f"and as long as the weights, got {shapes}; start the run again"
        )
    return found


def _check_windows(updates: Iterable[Update], server_round: int) -> None:
    if not any(update.examples for update in updates):
        raise FederationError(
            f"round {server_round}: expected a participant with training windows, got none; "
            "raise federation.fraction or partition.minimum"
        )


def _check_finite(weights: Weights, server_round: int) -> None:
    """Check new weights: sums of usable updates, or steps that were too long, may overflow."""
    if not np.isfinite(weights).all():
        raise FederationError(
            f"round {server_round}: expected finite weights after aggregation, got NaN or "
            "infinity; lower the strategy's learning rate, or train.learning_rate"
        )
