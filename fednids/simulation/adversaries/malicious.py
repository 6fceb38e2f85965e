"""Which clients are malicious, and in which rounds: a function of settings and seed alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from fednids.config import AttackConfig, Config
from fednids.datasets.registry import AUTO, chosen_dataset, chosen_features
from fednids.errors import ConfigError
from fednids.flows.windows import Windows
from fednids.seeding import Stream, generator
from fednids.simulation.adversaries.attacks import Attack, find_attack
from fednids.simulation.adversaries.poisoning import PoisonContext
from fednids.simulation.adversaries.trigger import parse_trigger


@dataclass(frozen=True)
class MaliciousClients:
    """The malicious clients of a run.

    Attributes
    ----------
    attack : Attack
        What they do.
    ids : tuple[int, ...]
        Partition ids of all of them, sorted; empty without an attack.
    settings : AttackConfig
        Schedule and strength of the attack.
    seed : int
        Seed of the run.
    """

    attack: Attack
    ids: tuple[int, ...]
    settings: AttackConfig
    seed: int

    @classmethod
    def of(cls, config: Config, gateways: int) -> MaliciousClients:
        """Draw the malicious clients among ``gateways`` clients.

        With the same seed, a larger share only adds malicious clients, so that runs along a
        curve over the share are comparable.

        Raises
        ------
        ConfigError
            There is no such attack.
        """
        settings, seed = config.attack, config.run.seed
        count = malicious_count(settings.share, gateways) if settings.kind != "none" else 0
        order = generator(seed, Stream.ATTACK).permutation(gateways)
        return cls(
            find_attack(settings.kind), tuple(sorted(order[:count].tolist())), settings, seed
        )

    @cached_property
    def strength(self) -> float:
        """Strength of the setting, or the attack's own where that is 0."""
        return self.settings.strength or self.attack.strength

    @cached_property
    def poisoned(self) -> float:
        """Share of the flows that are changed: the setting, or the attack's own where that is 0."""
        return self.settings.poisoned or self.attack.poisoned

    def attacks(self, partition_id: int, server_round: int) -> bool:
        """Return whether a client attacks in a round, from 1."""
        return partition_id in self._known and _attacks_in(self.settings, server_round)

    def attackers(self, server_round: int) -> tuple[int, ...]:
        """Return the clients that attack in a round if they take part in it."""
        return self.ids if _attacks_in(self.settings, server_round) else ()

    def poison(
        self, windows: Windows, partition_id: int, server_round: int, context: PoisonContext
    ) -> Windows:
        """Return what a client trains on: its own windows, or poisoned ones.

        Parameters
        ----------
        windows : Windows
            The client's own, of this round.
        partition_id, server_round : int
            The client and the round.
        context : PoisonContext
            Number of classes and place of the vectors with the trigger.
        """
        if self.attack.poison is None or not self.attacks(partition_id, server_round):
            return windows
        rng = generator(self.seed, Stream.ATTACK, 0, partition_id)
        chosen = rng.random(len(windows)) < self.poisoned
        return self.attack.poison(windows, chosen, context)

    @cached_property
    def _known(self) -> frozenset[int]:
        return frozenset(self.ids)


def malicious_count(share: float, gateways: int) -> int:
    """Return how many of the clients are malicious: the share, rounded, and at most half."""
    return min(round(share * gateways), gateways // 2)


def unread_settings(settings: AttackConfig) -> frozenset[str]:
    """Return the settings under ``attack`` that change nothing in a federated run.

    Returns
    -------
    frozenset of str
        Names without the section. Without malicious clients these are all settings, except
        the trigger on which the clean twin of a backdoor run is evaluated; with them, the
        settings of other attacks and schedules.
    """
    names, attack = frozenset(AttackConfig.model_fields), find_attack(settings.kind)
    trigger = {"kind", "trigger"} if attack.trigger else set[str]()
    if settings.kind == "none" or not settings.share:
        return names - trigger
    read = {"kind", "share", "schedule", *trigger}
    used = {
        "poisoned": attack.poison is not None,
        "strength": attack.independent is not None or attack.colluding is not None,
        "first_round": settings.schedule == "late",
        "period": settings.schedule == "on-off",
    }
    return names - read - {name for name, is_read in used.items() if is_read}


def check_attack(config: Config) -> None:
    """Check the settings of the attack before round 1.

    Raises
    ------
    ConfigError
        The attack or trigger is unknown, the schedule has no attack in any round, the share
        selects no client, or there are too few malicious clients for the attack.
    """
    settings, gateways = config.attack, config.partition.gateways
    attack = find_attack(settings.kind)
    if attack.trigger and (config.data.dataset != AUTO or not config.data.path):
        spec = chosen_dataset(config.data)
        parse_trigger(settings.trigger, spec, chosen_features(spec, config.data))
    if settings.kind == "none" or not settings.share:
        return
    _check_count(settings, gateways, attack.fewest)
    rounds = config.federation.rounds
    if settings.schedule == "late" and not 2 <= settings.first_round <= rounds:
        raise ConfigError(
            f"expected attack.first_round from 2 to {rounds}, the number of rounds, for "
            f"attack.schedule late, got {settings.first_round}; change it"
        )


def _check_count(settings: AttackConfig, gateways: int, fewest: int) -> None:
    kind, share, count = settings.kind, settings.share, malicious_count(settings.share, gateways)
    if gateways // 2 < fewest:
        raise ConfigError(
            f"expected at least {2 * fewest} gateways, half of them malicious, for {kind}, got "
            f"partition.gateways {gateways}; raise it, or set attack.share to 0"
        )
    if count < fewest:
        raise ConfigError(
            f"expected attack.share from {fewest / gateways:g} to 0.5, so that at least {fewest} "
            f"of {gateways} gateways are malicious, as {kind} needs, got {share:g}, which makes "
            f"{count} malicious; raise it, or set it to 0"
        )


def _attacks_in(settings: AttackConfig, server_round: int) -> bool:
    if settings.schedule == "late":
        return server_round >= settings.first_round
    if settings.schedule == "on-off":
        return (server_round - 1) // settings.period % 2 == 0
    return True
