"""Settings of the environment: availability, virtual clock, adversaries, encodings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fednids.config.section import Section


class AvailabilityConfig(Section):
    """Which gateways are available in each round."""

    trace: str = Field(
        "",
        description="CSV file of the rounds of each gateway; replaces pattern, late, leaving",
    )
    pattern: Literal["always", "random", "daily", "sessions"] = Field(
        "always",
        description="availability: all; each by chance; more by day; stays and absences",
    )
    share: float = Field(
        0.8, gt=0, le=1, description="mean share of available gateways, for all patterns but always"
    )
    day: int = Field(24, ge=2, le=100_000, description="rounds in a day of pattern daily")
    stay: float = Field(
        5.0,
        ge=1,
        le=1e6,
        description="mean rounds of a stay, for sessions; at least share/(1-share)",
    )
    late: float = Field(
        0.0, ge=0, lt=1, description="share of the gateways that join after round 1"
    )
    leaving: float = Field(
        0.0, ge=0, lt=1, description="share of the gateways that leave and never return"
    )
    dropout_before: float = Field(
        0.0, ge=0, lt=1, description="probability that a sampled gateway drops out before it trains"
    )
    dropout_after: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="probability that the update of a sampled gateway is lost",
    )


class ClockConfig(Section):
    """Speeds of gateways and links on a virtual clock, and how long the server waits."""

    speed: float = Field(
        1000.0, ge=1e-6, le=1e9, description="training windows per second of the median gateway"
    )
    speed_spread: float = Field(
        0.0, ge=0, le=5, description="sigma of the log-normal speeds of gateways; 0: all equal"
    )
    up: float = Field(1.0, ge=1e-6, le=1e6, description="median uplink of a gateway, Mbit/s")
    down: float = Field(10.0, ge=1e-6, le=1e6, description="median downlink of a gateway, Mbit/s")
    link_spread: float = Field(
        0.0, ge=0, le=5, description="sigma of the log-normal rates of links; 0: all equal"
    )
    latency: float = Field(
        0.05,
        ge=0,
        le=1e6,
        description="latency of each message in seconds, added to its transfer",
    )
    deadline: float = Field(
        0.0,
        ge=0,
        le=1e9,
        description="virtual seconds after which a round accepts no update; 0: no deadline",
    )
    stragglers: Literal["drop", "partial"] = Field(
        "drop",
        description="gateways too slow for the deadline: drop them, or take fewer steps",
    )
    oversample: float = Field(
        0.0,
        ge=0,
        le=10,
        description="over-selection: share of gateways sampled beyond the fraction",
    )


class AttackConfig(Section):
    """Malicious gateways, and what they do."""

    kind: str = Field(
        "none", description="attack of the malicious gateways; docs/attacks.md lists them"
    )
    share: float = Field(0.0, ge=0, le=0.5, description="share of malicious gateways")
    schedule: Literal["always", "late", "on-off"] = Field(
        "always",
        description="rounds with the attack: all, from first_round, or every other period",
    )
    first_round: int = Field(1, ge=1, description="first round of the attack, for schedule late")
    period: int = Field(1, ge=1, description="rounds with and then without the attack, for on-off")
    strength: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="strength of an attack on updates, and of a backdoor; 0: the attack's default",
    )
    trigger: str = Field(
        "", description="trigger of a backdoor: FEATURE=VALUE,...; empty for the default"
    )
    poisoned: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of poisoned flows of a malicious gateway; 0: the attack's default",
    )


class WireConfig(Section):
    """How weights and updates are encoded."""

    up: str = Field("full", description="encoding of updates: full, float16, int8 or topk")
    down: str = Field("full", description="encoding of global weights: full, float16 or int8")
    keep: float = Field(
        0.05,
        gt=0,
        le=1,
        description="share of the changes that topk sends; the rest is kept for later",
    )
