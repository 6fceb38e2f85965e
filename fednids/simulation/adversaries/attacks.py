"""The attacks of malicious clients, by name."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from fednids.errors import ConfigError
from fednids.simulation.adversaries.poisoning import (
    Poison,
    flip_labels,
    label_attacks_benign,
    trigger_attacks,
)
from fednids.simulation.adversaries.updates import (
    ColludingAttack,
    IndependentAttack,
    free_ride,
    gaussian_noise,
    inner_product,
    little_is_enough,
    scaled,
    sign_flipped,
)


@dataclass(frozen=True)
class Attack:
    """An attack on training data, on updates, or on both.

    Attributes
    ----------
    poison : Poison or None
        Changes the training windows of a malicious client.
    independent : IndependentAttack or None
        Changes the update of one malicious client, from that update alone.
    colluding : ColludingAttack or None
        Changes the updates of all malicious clients of a round together.
    strength : float
        Used where the setting is 0; 0 here leaves it to `colluding`.
    poisoned : float
        Share of a malicious client's flows that may be changed, where the setting is 0.
    trigger : bool
        Whether flows get a trigger, `fednids.simulation.adversaries.trigger`.
    fewest : int
        Fewest malicious clients that the attack needs.
    """

    poison: Poison | None = None
    independent: IndependentAttack | None = None
    colluding: ColludingAttack | None = None
    strength: float = 1.0
    poisoned: float = 1.0
    trigger: bool = False
    fewest: int = 1


ATTACKS: dict[str, Attack] = {
    "none": Attack(),
    "label-flip": Attack(poison=flip_labels),
    "label-flip-benign": Attack(poison=label_attacks_benign),
    "backdoor": Attack(poison=trigger_attacks, independent=scaled, poisoned=0.5, trigger=True),
    "sign-flip": Attack(independent=sign_flipped),
    "scale": Attack(independent=scaled, strength=10.0),
    "noise": Attack(independent=gaussian_noise, strength=10.0),
    "free-rider": Attack(independent=free_ride, strength=1e-3),
    "alie": Attack(colluding=little_is_enough, strength=0.0, fewest=2),
    "ipm": Attack(colluding=inner_product, strength=0.5),
}
"""How to add one: write a function beside those in `fednids.simulation.adversaries.updates` or
`fednids.simulation.adversaries.poisoning`, with its source; add a line here, and run ``pytest
tests/simulation tests/server/test_adversary.py tests/contracts/test_attack_rounds.py``, which
cover every member of this dict."""


def find_attack(kind: str) -> Attack:
    """Return the attack of a name in the settings.

    Raises
    ------
    ConfigError
        There is none of that name; the message lists them all and the nearest.
    """
    if kind in ATTACKS:
        return ATTACKS[kind]
    near = difflib.get_close_matches(kind.lower(), ATTACKS, n=1)
    hint = f"did you mean {near[0]}?" if near else "choose one of these"
    raise ConfigError(
        f"expected attack.kind to be one of {', '.join(ATTACKS)}, got {kind!r}; {hint}"
    )
