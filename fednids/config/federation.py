"""Settings of the rounds, and of the algorithm that server and clients follow."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from fednids.config.section import OpenSection, Section
from fednids.extensions import ALGORITHMS, Registry


class FederationConfig(Section):
    """How the server runs the rounds."""

    rounds: int = Field(10, ge=1, description="number of rounds")
    fraction: float = Field(
        1.0, gt=0, le=1, description="share of the gateways that are sampled in a round"
    )
    norm_bound: float = Field(
        0.0,
        ge=0,
        description="largest norm of an update's change; longer ones are refused; 0: any",
    )
    max_failures: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="the run stops when more than this share of a round's gateways fails",
    )
    timeout: float = Field(
        3600.0,
        ge=0,
        le=1e6,
        description="in deployments: seconds until a gateway without a reply has failed; 0: never",
    )


class StrategyConfig(OpenSection):
    """Which federated algorithm, with the settings that its own file declares."""

    registry: ClassVar[Registry[Any]] = ALGORITHMS
    title: ClassVar[str] = "strategy"
    choice: ClassVar[str] = "name"

    name: str = Field("fedavg", description="federated algorithm, such as fedavg or scaffold")
