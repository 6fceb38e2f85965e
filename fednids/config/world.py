"""Settings of the world around gateways: who is there, how slow, who lies, what is sent."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fednids.config.section import Section


class AvailabilityConfig(Section):
    """Which gateways are there, round by round."""

    trace: str = Field(
        "", description="CSV file of who is there when, instead of pattern, late and leaving"
    )
    pattern: Literal["always", "random", "daily", "sessions"] = Field(
        "always",
        description="who is there: all; each by chance; more by day; stays and absences",
    )
    share: float = Field(
        0.8, gt=0, le=1, description="mean share of the gateways that is there, but for always"
    )
    day: int = Field(24, ge=2, le=100_000, description="rounds in a day of daily")
    stay: float = Field(
        5.0, ge=1, le=1e6, description="mean rounds of a stay of sessions, from share/(1-share)"
    )
    late: float = Field(
        0.0, ge=0, lt=1, description="share of the gateways that joins after round 1"
    )
    leaving: float = Field(
        0.0, ge=0, lt=1, description="share of the gateways that leaves for good"
    )
    dropout_before: float = Field(
        0.0, ge=0, lt=1, description="chance that a participant fails before it trains"
    )
    dropout_after: float = Field(
        0.0, ge=0, lt=1, description="chance that a participant trains and its update is lost"
    )


class ClockConfig(Section):
    """How fast gateways and links are, on a virtual clock; and how long the server waits."""

    speed: float = Field(
        1000.0, ge=1e-6, le=1e9, description="windows that the median gateway trains on a second"
    )
    speed_spread: float = Field(
        0.0, ge=0, le=5, description="log-normal's sigma of the gateways' speeds; 0 all alike"
    )
    up: float = Field(1.0, ge=1e-6, le=1e6, description="median link from a gateway, Mbit/s")
    down: float = Field(10.0, ge=1e-6, le=1e6, description="median link to a gateway, Mbit/s")
    link_spread: float = Field(
        0.0, ge=0, le=5, description="log-normal's sigma of the links; 0 all alike"
    )
    latency: float = Field(
        0.05, ge=0, le=1e6, description="seconds that each message takes beside its bytes"
    )
    deadline: float = Field(
        0.0,
        ge=0,
        le=1e9,
        description="virtual seconds after which a round takes no update; 0 for none",
    )
    stragglers: Literal["drop", "partial"] = Field(
        "drop", description="gateways too slow for the deadline: dropped, or do what they can"
    )
    oversample: float = Field(
        0.0, ge=0, le=10, description="more participants, by this share; the first to arrive count"
    )


class AttackConfig(Section):
    """Which gateways lie, when and how."""

    kind: str = Field(
        "none", description="what liars do; see fednids.simulation.adversaries.attacks"
    )
    share: float = Field(0.0, ge=0, le=0.5, description="share of the gateways that lies")
    schedule: Literal["always", "late", "on-off"] = Field(
        "always", description="when: from round 1, from first_round, or every other period"
    )
    first_round: int = Field(1, ge=1, description="first round of lies of schedule late")
    period: int = Field(1, ge=1, description="rounds of lies, and then without, of on-off")
    strength: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="factor of a lie about weights, and of a backdoor's; 0 for the kind's own",
    )
    trigger: str = Field(
        "", description="values that mark a backdoor: FEATURE=VALUE,...; empty for the kind's own"
    )
    poisoned: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of its flows that a liar falsifies, where it does; 0 for the kind's own",
    )


class WireConfig(Section):
    """What goes over the wire."""

    up: str = Field("full", description="how updates are sent: full, float16, int8 or topk")
    down: str = Field("full", description="how global weights are sent: full, float16 or int8")
    keep: float = Field(
        0.05, gt=0, le=1, description="share of the changes that topk sends; the rest waits"
    )
