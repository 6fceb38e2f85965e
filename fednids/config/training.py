"""Settings of flows, their deal, the network and its training: what all arms read."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from fednids.config.folder import FILES
from fednids.config.section import OpenSection, Section
from fednids.extensions import NETWORKS, PARTITIONERS, Registry


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
    balance: float = Field(
        0.25,
        ge=0,
        le=1,
        description="class weights: N/(C n_c) to this power; 0: none, 1: fully balanced",
    )
    loss: Literal["cross-entropy", "focal"] = Field(
        "cross-entropy",
        description="loss; the focal loss counts easy windows less",
    )
    focal_gamma: float = Field(
        2.0, ge=0, le=10, description="gamma of the focal loss; 0 is cross-entropy"
    )
    logit_adjustment: float = Field(
        0.0,
        ge=0,
        le=10,
        description="logit adjustment (tau): factor of the log class frequencies added to logits",
    )
    sampling: Literal["all", "balanced"] = Field(
        "all",
        description="windows of an epoch: all, or as many, drawn with equal chance for each class",
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


class RunConfig(Section):
    """Execution and end of a run; engine and workers change no result."""

    seed: int = Field(1, ge=0, lt=2**32, description="seed of all random numbers")
    engine: str = Field(
        "auto", description="where simulated gateways train: auto, inprocess, processes or ray"
    )
    workers: int = Field(0, ge=0, le=1024, description="worker processes; 0: one a processor")
    patience: int = Field(
        0,
        ge=0,
        description="early stopping: rounds without a better validation macro-F1; 0: never",
    )
    keep: Literal["last", "best"] = Field(
        "last",
        description="kept detector: of the last round, or of the best on validation flows",
    )
    false_alarms: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="false-alarm rate on validation flows for which a threshold is chosen; 0: none",
    )
