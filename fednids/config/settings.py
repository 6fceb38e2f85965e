"""Settings of a run, one class for each section."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from fednids.config.folder import FILES
from fednids.config.section import OfPreset, OpenSection, Section
from fednids.extensions import ALGORITHMS, NETWORKS, PARTITIONERS, Registry

_GATEWAY_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class DataConfig(Section):
    """Which flows, and how they become windows."""

    dataset: str = Field(
        "auto", description="name of the data set; auto recognises it by columns and classes"
    )
    path: str = Field(
        "",
        description="flow file: CSV, CSV.gz, zip or Parquet; or a folder with one a gateway; "
        "empty for synthetic flows",
    )
    sha256: str = Field(
        "", pattern=r"^([0-9a-f]{64})?$", description="checksum that the file must have"
    )
    flows: int = Field(
        0,
        ge=0,
        description="flows to make, or at most to take from a file; 0 for 60,000, or all of it",
    )
    features: str = Field(
        "",
        description="set of columns shown to the detector, as v1 or v2; empty for the data set's "
        "first",
    )
    window: int = Field(10, ge=1, le=256, description="flows in a window (T)")
    split: Literal["stratified", "grouped", "hosts", "blocks"] = Field(
        "stratified", description="how test flows are chosen: by class, vector, host or file order"
    )
    test_share: float = Field(0.2, gt=0, lt=1, description="share of the flows kept for testing")
    validation_share: float = Field(
        0.0,
        ge=0,
        lt=0.5,
        description="share of a gateway's other flows not trained on: rounds are chosen by them",
    )
    score_on: Literal["test", "validation"] = Field(
        "test",
        description="flows that detectors are scored on; validation: test flows are taken away "
        "before training, so that settings can be chosen without them",
    )
    unseen: str = Field(
        "", description="attack class that is never trained on: all its flows are test flows"
    )


class PartitionConfig(OpenSection):
    """How the flows are dealt to gateways."""

    registry: ClassVar[Registry[Any]] = PARTITIONERS
    title: ClassVar[str] = "partition"
    choice: ClassVar[str] = "scheme"

    scheme: str = Field("dirichlet", description="name of the partitioner, or files for a folder")
    gateways: int = Field(10, ge=1, le=100_000, description="number of gateways (K)")
    minimum: int = Field(10, ge=2, description="fewest flows of a gateway")
    unseen_gateways: int = Field(
        0, ge=0, description="gateways that never train: all their flows are test flows"
    )
    arrival: Literal["at-once", "growing", "passing"] = Field(
        "at-once", description="a round's training flows: all, the first r/R, or the r-th part"
    )
    plan: str = Field(
        "", description="plan file of `fednids partition`, dealt by instead of the scheme"
    )

    @classmethod
    def member_settings(cls, name: str) -> type[Section]:
        """Return the settings of a partitioner; flows that come dealt have none."""
        return Section if name == FILES else super().member_settings(name)


class ModelConfig(OpenSection):
    """Which network, with the settings that its own file declares."""

    registry: ClassVar[Registry[Any]] = NETWORKS
    title: ClassVar[str] = "model"
    choice: ClassVar[str] = "network"

    network: str = Field("cnn-bilstm", description="network that is trained")
    classes: Literal["all", "binary"] = Field(
        "all", description="all classes of the data set, or binary: benign against attack"
    )


class TrainConfig(Section):
    """Local training of a gateway in a round."""

    batch_size: int = Field(64, ge=1, le=65_536, description="batch size (B), in windows")
    epochs: int = Field(1, ge=1, description="local epochs in a round")
    learning_rate: float = Field(0.003, gt=0, description="learning rate of the first round")
    final_rate_share: float = Field(
        0.05,
        gt=0,
        le=1,
        description="learning rate of the last round as a share of the first; cosine decay",
    )
    optimiser: Literal["adam", "sgd"] = Field(
        "adam", description="optimiser; begins anew in every round"
    )
    balance: Annotated[float | None, OfPreset] = Field(
        None,
        ge=0,
        le=1,
        description="class weights: N/(C n_c) to this power; 0: none, 1: fully balanced; empty "
        "for 0.25, or 0 where the algorithm samples by classes",
    )
    loss: Literal["cross-entropy", "focal"] = Field(
        "cross-entropy", description="loss; the focal loss counts easy windows less"
    )
    focal_gamma: float = Field(
        2.0, ge=0, le=10, description="gamma of the focal loss; 0 is cross-entropy"
    )
    prior: Literal["none", "federation", "own"] = Field(
        "none",
        description="class frequencies whose logarithms are added to the logits in training: "
        "none, of all gateways together, or each gateway's own",
    )
    logit_adjustment: Annotated[float | None, OfPreset] = Field(
        None,
        ge=0,
        le=10,
        description="factor of these logarithms (tau); empty for 1; given without train.prior, of "
        "the federation's",
    )
    absent_class: float = Field(
        0.0,
        ge=0,
        le=100,
        description="flows that a class without any counts as in the prior; 0: its logit is left "
        "out of the loss",
    )
    answer_prior: float = Field(
        0.0,
        ge=0,
        le=1,
        description="power of the federation's class frequencies in the answer of a detector "
        "trained with a prior; 0: as if classes were equally frequent",
    )
    sampling: Literal["auto", "all", "balanced", "square-root"] = Field(
        "auto",
        description="windows of an epoch: all; or as many, drawn with equal chance for each class, "
        "or a chance by the square root of its windows; auto: all, or what the algorithm says",
    )
    shuffle: bool = Field(
        True, description="shuffle the windows in every epoch; false: keep the order of the flows"
    )
    stack: int = Field(
        0,
        ge=0,
        le=64,
        description="gateways trained together in one graph; 0: chosen by size, 1: each alone",
    )

    @model_validator(mode="before")
    @classmethod
    def _imply_prior(cls, values: Any) -> Any:
        """Take logit adjustment without a prior as what it was before there was another."""
        if isinstance(values, dict) and "prior" not in values and values.get("logit_adjustment"):
            adjusts = str(values["logit_adjustment"]) not in ("0", "0.0")
            return {**values, "prior": "federation" if adjusts else "none"}
        return values

    @property
    def tau(self) -> float:
        """Factor of the logarithms of class frequencies that are added to logits; 0: none are."""
        if self.prior == "none":
            return 0.0
        return 1.0 if self.logit_adjustment is None else self.logit_adjustment


class RunConfig(Section):
    """Execution and end of a run; engine and workers change no result."""

    seed: int = Field(1, ge=0, lt=2**32, description="seed of all random numbers")
    engine: str = Field(
        "auto", description="where simulated gateways train: auto, inprocess, processes or ray"
    )
    workers: int = Field(0, ge=0, le=1024, description="worker processes; 0: one a processor")
    patience: int = Field(
        0, ge=0, description="early stopping: rounds without a better validation macro-F1; 0: never"
    )
    keep: Literal["last", "best"] = Field(
        "last", description="kept detector: of the last round, or of the best on validation flows"
    )
    false_alarms: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="false-alarm rate on validation flows for which a threshold is chosen; 0: none",
    )


class FederationConfig(Section):
    """How the server runs the rounds."""

    rounds: int = Field(10, ge=1, description="number of rounds")
    fraction: float = Field(
        1.0, gt=0, le=1, description="share of the gateways that are sampled in a round"
    )
    recalibrate: Literal["auto", "none", "head", "ccvr", "bias"] = Field(
        "auto",
        description="after the last round: fit the head again to all training flows, or to virtual "
        "features (CCVR), or its biases to validation flows; auto: what the algorithm says",
    )
    recalibrate_balance: float = Field(
        0.5, ge=0, le=1, description="class weights of the recalibration: N/(C n_c) to this power"
    )
    norm_bound: float = Field(
        0.0, ge=0, description="largest norm of an update's change; longer ones are refused; 0: any"
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

    name: str = Field(
        "classwise", description="federated algorithm, such as classwise, fedavg or scaffold"
    )


class AvailabilityConfig(Section):
    """Which gateways are available in each round."""

    trace: str = Field(
        "", description="CSV file of the rounds of each gateway; replaces pattern, late, leaving"
    )
    pattern: Literal["always", "random", "daily", "sessions"] = Field(
        "always", description="availability: all; each by chance; more by day; stays and absences"
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
        0.0, ge=0, lt=1, description="probability that the update of a sampled gateway is lost"
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
        0.05, ge=0, le=1e6, description="latency of each message in seconds, added to its transfer"
    )
    deadline: float = Field(
        0.0,
        ge=0,
        le=1e9,
        description="virtual seconds after which a round accepts no update; 0: no deadline",
    )
    stragglers: Literal["drop", "partial"] = Field(
        "drop", description="gateways too slow for the deadline: drop them, or take fewer steps"
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
        "always", description="rounds with the attack: all, from first_round, or every other period"
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


def is_gateway_name(text: str) -> bool:
    """Return whether this is a possible name of a gateway in a deployment.

    Up to 32 of a-z, 0-9 and ``-``, which is not the first: files, services and keys have the
    name as well.
    """
    return _GATEWAY_NAME.fullmatch(text) is not None


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text.strip() else ()


def _check_names(text: str) -> str:
    names = _names(text)
    if len(set(names)) < len(names) or not all(map(is_gateway_name, names)):
        raise PydanticCustomError(
            "gateway_names",
            "should be different names of up to 32 of a-z, 0-9 and -, separated by commas",
        )
    return text


class DeployConfig(Section):
    """Which gateways a deployment has, and how long it waits for them."""

    gateways: Annotated[str, AfterValidator(_check_names)] = Field(
        "", description="names of the gateways of a deployment: a,b,c; empty for a simulation"
    )
    wait_seconds: float = Field(
        120.0, gt=0, le=1e6, description="seconds that the server waits for all gateways to connect"
    )
    resume: bool = Field(
        False, description="continue the run in the run folder of the deployment, if there is one"
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Names, sorted; the place of a gateway in them is its partition id."""
        return tuple(sorted(_names(self.gateways)))
