"""What liars do: the attacks by name."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from fednids.errors import ConfigError
from fednids.simulation.adversaries.poisoning import (
    Poison,
    attacks_called_benign,
    labels_turned,
    triggered_attacks_called_benign,
)
from fednids.simulation.adversaries.updates import (
    Alone,
    Together,
    free_ride,
    inner_product,
    little_is_enough,
    noise,
    scaled,
    sign_flipped,
)


@dataclass(frozen=True)
class Attack:
    """One way to lie; about flows, about weights, or both.

    Attributes
    ----------
    poison : Poison or None
        Falsifies training windows at the gateway.
    alone : Alone or None
        Falsifies the weights of one liar, who needs nobody for it.
    together : Together or None
        Falsifies the weights of all liars of a round.
    strength : float
        Where the setting is 0; 0 leaves it to `together`.
    poisoned : float
        Share of the flows that may be falsified, where the setting is 0.
    trigger : bool
        Whether flows get a trigger, `fednids.simulation.adversaries.trigger`.
    fewest : int
        How many liars it takes.
    """

    poison: Poison | None = None
    alone: Alone | None = None
    together: Together | None = None
    strength: float = 1.0
    poisoned: float = 1.0
    trigger: bool = False
    fewest: int = 1


ATTACKS: dict[str, Attack] = {
    "none": Attack(),
    "label-flip": Attack(poison=labels_turned),
    "label-flip-benign": Attack(poison=attacks_called_benign),
    "backdoor": Attack(
        poison=triggered_attacks_called_benign, alone=scaled, poisoned=0.5, trigger=True
    ),
    "sign-flip": Attack(alone=sign_flipped),
    "scale": Attack(alone=scaled, strength=10.0),
    "noise": Attack(alone=noise, strength=10.0),
    "free-rider": Attack(alone=free_ride, strength=1e-3),
    "alie": Attack(together=little_is_enough, strength=0.0, fewest=2),
    "ipm": Attack(together=inner_product, strength=0.5),
}
"""How to add one: write a function beside those in `fednids.simulation.adversaries.updates` or
`fednids.simulation.adversaries.poisoning`, with its source; add a line here, and run ``pytest
tests/simulation tests/server/test_adversary.py tests/contracts/test_attack_rounds.py``, which
cover every member of this dict."""


def find_attack(kind: str) -> Attack:
    """Look an attack up by its name in settings.

    Raises
    ------
    ConfigError
        There is none; names them all, and the nearest.
    """
    if kind in ATTACKS:
        return ATTACKS[kind]
    near = difflib.get_close_matches(kind.lower(), ATTACKS, n=1)
    hint = f"did you mean {near[0]}?" if near else "choose one of these"
    raise ConfigError(
        f"expected attack.kind to be one of {', '.join(ATTACKS)}, got {kind!r}; {hint}"
    )
