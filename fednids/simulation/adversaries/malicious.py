"""Who lies, and when: a function of settings and seed alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from fednids.config import AttackConfig, Config
from fednids.errors import ConfigError
from fednids.flows.windows import Windows
from fednids.seeding import Stream, generator
from fednids.simulation.adversaries.attacks import Attack, find_attack
from fednids.simulation.adversaries.poisoning import Kit
from fednids.simulation.adversaries.trigger import parse_trigger


@dataclass(frozen=True)
class Liars:
    """The liars of a run.

    Attributes
    ----------
    attack : Attack
        What they do.
    ids : tuple[int, ...]
        Partition ids of all of them, sorted; nobody without an attack.
    settings : AttackConfig
        When, and how much.
    seed : int
        Of the run.
    """

    attack: Attack
    ids: tuple[int, ...]
    settings: AttackConfig
    seed: int

    @classmethod
    def of(cls, config: Config, gateways: int) -> Liars:
        """Choose the liars among ``gateways`` gateways.

        A larger share of the same seed only adds liars, so that a curve over the share
        compares like with like.

        Raises
        ------
        ConfigError
            There is no such attack.
        """
        settings, seed = config.attack, config.run.seed
        count = liars_count(settings.share, gateways) if settings.kind != "none" else 0
        order = generator(seed, Stream.ATTACK).permutation(gateways)
        return cls(
            find_attack(settings.kind), tuple(sorted(order[:count].tolist())), settings, seed
        )

    @cached_property
    def strength(self) -> float:
        """Of the setting, or the attack's own."""
        return self.settings.strength or self.attack.strength

    @cached_property
    def poisoned(self) -> float:
        """Share of the flows that are falsified: of the setting, or the attack's own."""
        return self.settings.poisoned or self.attack.poisoned

    def lie(self, partition_id: int, server_round: int) -> bool:
        """Tell whether a gateway lies in a round, from 1."""
        return partition_id in self._known and _at_it(self.settings, server_round)

    def lying(self, server_round: int) -> tuple[int, ...]:
        """Give all who lie in a round, should they take part."""
        return self.ids if _at_it(self.settings, server_round) else ()

    def poison(self, windows: Windows, partition_id: int, server_round: int, kit: Kit) -> Windows:
        """Give what a gateway trains on: its own windows, or falsified ones.

        Parameters
        ----------
        windows : Windows
            Its own, of this round.
        partition_id, server_round : int
            Who, and when.
        kit : Kit
            Classes and table.
        """
        if self.attack.poison is None or not self.lie(partition_id, server_round):
            return windows
        rng = generator(self.seed, Stream.ATTACK, 0, partition_id)
        chosen = rng.random(len(windows)) < self.poisoned
        return self.attack.poison(windows, chosen, kit)

    @cached_property
    def _known(self) -> frozenset[int]:
        return frozenset(self.ids)


def liars_count(share: float, gateways: int) -> int:
    """Give how many of the gateways lie: the share, rounded, and at most half."""
    return min(round(share * gateways), gateways // 2)


def unread_settings(settings: AttackConfig) -> frozenset[str]:
    """Name the settings under ``attack`` that change nothing in a federated run.

    Returns
    -------
    frozenset of str
        Names without the section: all where nobody lies, but for the trigger that a
        backdoor's clean twin is scored on; dials of other attacks and schedules otherwise.
    """
    names, attack = frozenset(AttackConfig.model_fields), find_attack(settings.kind)
    trigger = {"kind", "trigger"} if attack.trigger else set[str]()
    if settings.kind == "none" or not settings.share:
        return names - trigger
    read = {"kind", "share", "schedule", *trigger}
    dials = {
        "poisoned": attack.poison is not None,
        "strength": attack.alone is not None or attack.together is not None,
        "first_round": settings.schedule == "late",
        "period": settings.schedule == "on-off",
    }
    return names - read - {name for name, is_read in dials.items() if is_read}


def check_attack(config: Config) -> None:
    """Find what is wrong with the attack's settings before round 1.

    Raises
    ------
    ConfigError
        An unknown attack or trigger, a schedule without any lie or a share without any
        liar, or too few liars for the attack.
    """
    settings, gateways = config.attack, config.partition.gateways
    attack = find_attack(settings.kind)
    if attack.trigger:
        parse_trigger(settings.trigger, config.data.features)
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
    """Refuse an attack without liars; half of the gateways is the most that lies."""
    kind, share, count = settings.kind, settings.share, liars_count(settings.share, gateways)
    if gateways // 2 < fewest:
        raise ConfigError(
            f"expected at least {2 * fewest} gateways for {fewest} to lie as {kind} does, got "
            f"partition.gateways {gateways}; raise it, or set attack.share to 0"
        )
    if count < fewest:
        raise ConfigError(
            f"expected attack.share from {fewest / gateways:g} to 0.5, so that at least {fewest} "
            f"of {gateways} gateways lie as {kind} does, got {share:g}, with which {count} would; "
            "raise it, or set it to 0"
        )


def _at_it(settings: AttackConfig, server_round: int) -> bool:
    if settings.schedule == "late":
        return server_round >= settings.first_round
    if settings.schedule == "on-off":
        return (server_round - 1) // settings.period % 2 == 0
    return True
