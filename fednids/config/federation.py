"""Settings of the rounds and of the strategies."""

from __future__ import annotations

from pydantic import Field

from fednids.config.section import Section


class FederationConfig(Section):
    """How the server runs the rounds."""

    rounds: int = Field(10, ge=1, description="number of rounds")
    strategy: str = Field("fedavg", description="how updates are aggregated")
    fraction: float = Field(
        1.0, gt=0, le=1, description="share of the gateways that are sampled in a round"
    )
    proximal_mu: float = Field(
        0.01, ge=0, description="fedprox's mu: pull towards the global weights"
    )
    server_learning_rate: float = Field(
        1.0, gt=0, le=100, description="fedavgm's step along its momentum; 1 is FedAvg's"
    )
    server_momentum: float = Field(
        0.9, ge=0, lt=1, description="fedavgm's share of the last round's step in this one"
    )
    eta: float = Field(
        0.01, gt=0, description="learning rate at the server of fedadam, fedyogi, fedadagrad"
    )
    beta_1: float = Field(
        0.9, ge=0, lt=1, description="fedadam's and fedyogi's share of the past in the mean"
    )
    beta_2: float = Field(
        0.99, ge=0, lt=1, description="fedadam's and fedyogi's share of the past in the squares"
    )
    tau: float = Field(
        0.001, gt=0, description="added to the root of fedadam, fedyogi, fedadagrad; small adapts"
    )
    beta: float = Field(
        0.2, ge=0, lt=0.5, description="share that fedtrimmedavg leaves out at each end"
    )
    malicious: int = Field(
        1,
        ge=0,
        description="malicious clients (f) that krum, multikrum and bulyan tolerate",
    )
    select: int = Field(
        0, ge=0, description="updates that multikrum averages; 0 for all but the malicious"
    )
    clip_norm: float = Field(
        0.0, ge=0, description="longest change that normclip lets pass; 0 for the round's median"
    )
    smoothing: float = Field(
        1e-6, gt=0, description="rfa's nu: smaller distances to the median count as this"
    )
    iterations: int = Field(
        3, ge=1, le=1000, description="steps of rfa's search for the geometric median"
    )
    q: float = Field(
        0.2, ge=0, description="qfedavg's weight of gateways with a large loss; 0 none"
    )
    lipschitz: float = Field(
        1.0, gt=0, description="qfedavg's L: the larger, the shorter its steps"
    )
    dyn_alpha: float = Field(
        0.01, gt=0, description="feddyn's alpha: pull towards the global weights"
    )
    ditto_lambda: float = Field(
        0.1, ge=0, description="ditto's pull of a gateway's own detector towards the global one"
    )
    personal_layers: int = Field(
        1, ge=1, le=2, description="dense layers from the end that fedper leaves to the gateways"
    )
    clusters: int = Field(
        2, ge=1, le=16, description="detectors among which ifca's gateways choose"
    )
    root_flows: int = Field(
        100, ge=1, description="clean training flows that fltrust's server owns"
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
