"""The rounds: the algorithm of federated learning, readable from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from flwr.serverapp import Grid

from fednids.config import Config
from fednids.errors import ConfigError, FederationError
from fednids.messages.values import Card, Task
from fednids.networks.interface import Weights
from fednids.runs.checkpoint import Checkpoint, selection_of
from fednids.runs.rounds import Observer, Outcome, Round
from fednids.runs.selection import Selection, check_selection, validation_macro_f1
from fednids.simulation.environment import no_update_counted
from fednids.training.initial import opening_architecture, opening_task
from server.riding import Riders, rides
from server.rollcall import gather
from server.roster import Roster
from server.scoring import Scoring
from server.strategies import find_strategy
from server.strategies.leading import restore
from server.traffic import with_bytes
from server.trained import Trained
from server.training import Root, Training
from server.wire import ServerWire


class Federation:
    """One federated run on one Grid.

    Parameters
    ----------
    grid : Grid
        The way to the gateways, on any engine.
    config : Config
        Settings of the run.
    observers : Sequence[Observer]
        Told of each round.
    root : Root, optional
        Trains on flows of the server's own, for a strategy that compares updates with that.

    Attributes
    ----------
    cards : Sequence[Card]
        What the gateways of a deployment say of themselves, once they have been asked.

    Raises
    ------
    ConfigError
        There is no such strategy, attack or encoding, the strategy needs more participants
        or a root, or the trace of who is there is not as it must be.
    """

    def __init__(
        self,
        grid: Grid,
        config: Config,
        observers: Sequence[Observer] = (),
        root: Root | None = None,
    ):
        check_selection(config)
        check_keep(config)
        self._grid, self._config, self._observers = grid, config, observers
        self.cards: Sequence[Card] = ()
        self._strategy, self._wire = find_strategy(config), ServerWire(config)
        if root is None:
            check_rootless(config)
        self._training = Training(grid, config, self._strategy, self._wire, root)
        self._scoring = Scoring(grid, self._wire, config.federation.max_failures)

    def run(self, resumed: Checkpoint | None = None) -> Outcome:
        """Fit the scaler, then lead all rounds.

        Parameters
        ----------
        resumed : Checkpoint, optional
            Where to go on; from the start without.

        Returns
        -------
        Outcome
            Of the last round, or with ``run.keep`` of the best on validation flows.

        Raises
        ------
        FederationError
            Too few gateways answered, too few answers were usable, or not one round had an
            update that counts.
        RunError
            What the strategy remembered is missing in the checkpoint, or damaged.
        """
        config = self._config
        roster, statistics = gather(self._grid, config)
        self.cards = [found.card for found in statistics if found.card]
        task = replace(opening_task(statistics, config), proximal_mu=_mu(config))
        del statistics
        architecture = opening_architecture(task, config)
        done, weights = 0, self._strategy.opening(architecture, config)
        if resumed and resumed.weights:
            done, weights = resumed.server_round, resumed.weights[0]
            restore(self._strategy, resumed.state, len(weights))
        task, ended = replace(task, size=len(weights)), None
        task = with_bytes(task, weights, self._strategy, self._wire)
        anybody = any(past["participants"] for past in resumed.rounds) if resumed else False
        selection, riding = selection_of(config, resumed), rides(self._grid, config)
        late: Trained | None = None
        while done < config.federation.rounds and not selection.stops:
            ended, done = None, done + 1  # its counts are many; never hold those of two rounds
            with self._scored_after(roster, late, selection) as riders:
                asked = replace(task, server_round=done, score_first=late is not None)
                late = self._train(roster, weights, asked, riders)
            weights, anybody = late.weights, anybody or bool(late.training.answers)
            if not riding:
                ended, late = self._end(roster, late, selection), None
        if not anybody:
            raise no_update_counted(config.federation.rounds)
        if late:
            ended = self._end(roster, late, selection)
        if selection.chosen:
            done, (weights,), ended = selection.chosen.server_round, selection.chosen.weights, None
        if ended is None:
            ended = self._scored(roster, weights, replace(task, server_round=done))
        return Outcome(architecture, [task], [weights], ended)

    def _scored(self, roster: Roster, weights: Weights, task: Task) -> Round:
        """Score weights again as they were after a round that is over."""
        started = time.perf_counter()
        scoring = self._scoring.score(roster, weights, task, Riders())
        seconds = time.perf_counter() - started
        lied = None if self._config.attack.kind == "none" else ()
        number, failures = task.server_round, list(scoring.failures)
        return Round(number, [], scoring.answers, failures, 0.0, seconds, malicious=lied)

    def _train(self, roster: Roster, weights: Weights, task: Task, riders: Riders) -> Trained:
        """The first half of a round: choose, train, check, aggregate."""
        started = time.perf_counter()
        fates = self._training.fates(roster, task)
        weights, training = self._training.train(roster, weights, task, fates, riders)
        return Trained(
            replace(task, score_first=False),
            weights,
            training,
            time.perf_counter() - started,
            self._strategy.state,
            self._training.lied(training.answers, task.server_round),
            self._strategy.story() if training.answers else {},
            None if self._config.deploy.names else fates,
        )

    def _end(
        self, roster: Roster, trained: Trained, selection: Selection, riders: Riders | None = None
    ) -> Round:
        """The other half: evaluate, and tell of the round."""
        started = time.perf_counter()
        scoring = self._scoring.score(roster, trained.weights, trained.task, riders or Riders())
        ended = trained.scored(scoring, time.perf_counter() - started)
        selection.round_ended(ended.number, validation_macro_f1(ended), [trained.weights])
        for observer in self._observers:
            observer.round_ended(ended, [trained.weights])
        return ended

    @contextmanager
    def _scored_after(
        self, roster: Roster, late: Trained | None, selection: Selection
    ) -> Iterator[Riders]:
        """End the round before with the evaluations that ride on this one's updates.

        A round that fails does not take the one before with it.
        """
        riders = Riders()
        try:
            yield riders
        except FederationError:
            if late:
                with suppress(FederationError):
                    self._end(roster, late, selection, riders)
            raise
        if late:
            self._end(roster, late, selection, riders)


def check_rootless(config: Config) -> None:
    """See that a server without flows can lead the strategy.

    Raises
    ------
    ConfigError
        It cannot.
    """
    if find_strategy(config).rooted:
        raise ConfigError(
            f"expected a server with clean flows of its own for {config.federation.strategy}, got "
            "one without; run it with `fednids simulate`, or choose another federation.strategy"
        )


def check_keep(config: Config) -> None:
    """See that the best round can be kept, not where gateways keep a part of their detectors.

    Raises
    ------
    ConfigError
        It cannot.
    """
    if config.run.keep == "best" and find_strategy(config).personal:
        raise ConfigError(
            f"expected run.keep last for {config.federation.strategy}, whose gateways remember "
            "the last rounds alone, got best; leave it out"
        )


def _mu(config: Config) -> float:
    """Give FedProx's mu; no other strategy pulls."""
    settings = config.federation
    return settings.proximal_mu if settings.strategy == "fedprox" else 0.0
