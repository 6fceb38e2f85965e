"""Every setting of a run: typed, documented once, checked before time is spent.

A setting is named ``section.key`` everywhere: on the command line, in a TOML file, in
Flower's run config. `Config.resolve` is the only parser; the defaults here are the only
defaults.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from fednids.errors import ConfigError

Scalar = bool | int | float | str


def _listed(value: object) -> object:
    """Read ``"16,32"`` as two numbers; TOML and Python give a list already."""
    if isinstance(value, str) and value.strip():
        return [part.strip() for part in value.split(",")]
    return value


def _left_out(value: object) -> object:
    """Read an empty text as a setting left to the preset."""
    return None if value == "" else value


Sizes = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1), BeforeValidator(_listed)
]
OfPreset = BeforeValidator(_left_out)
AsNumber = BeforeValidator(lambda value: int(value) if str(value).isdigit() else value)


class Section(BaseModel):
    """Settings that belong together; frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataConfig(Section):
    """Which flows, and how they become windows."""

    path: str = Field(
        "", description="flow file: CSV, CSV.gz, zip or Parquet; empty for synthetic flows"
    )
    sha256: str = Field(
        "", pattern=r"^([0-9a-f]{64})?$", description="checksum that the file must have"
    )
    flows: int = Field(
        0,
        ge=0,
        description="flows to make, or at most to take from the file; 0 for 60,000, or all of it",
    )
    features: Literal["v1", "v2"] = Field(
        "v1", description="columns shown to the detector: 8 or 39"
    )
    window: int = Field(10, ge=1, le=256, description="flows in a window (T)")
    split: Literal["stratified", "grouped", "hosts", "blocks"] = Field(
        "stratified", description="how test flows are chosen: by class, vector, host or file order"
    )
    test_share: float = Field(0.2, gt=0, lt=1, description="share of the flows kept for testing")


class PartitionConfig(Section):
    """How the flows are dealt to gateways."""

    scheme: str = Field("dirichlet", description="name of the partitioner")
    gateways: int = Field(10, ge=1, le=100_000, description="number of gateways (K)")
    alpha: float = Field(
        0.5,
        gt=0,
        description="concentration of all dirichlet schemes and quantity; small is skewed",
    )
    classes_per_gateway: int = Field(
        2, ge=1, description="classes that a gateway of pathological or extended-dirichlet sees"
    )
    shards_per_gateway: int = Field(
        2, ge=1, description="pieces of the flows sorted by class for a gateway of shards"
    )
    spread: float = Field(
        1.0, ge=0, le=10, description="of sizes: log-normal's sigma, power-law's exponent; 0 equal"
    )
    feature: str = Field("IN_BYTES", description="column of the flow file that feature sorts by")
    strength: float = Field(
        1.0, ge=0, le=1, description="how strictly feature sorts: 0 is iid, 1 contiguous ranges"
    )
    noise: float = Field(
        0.5,
        ge=0,
        le=100,
        description="noise of the last gateway of scheme noise, in standard deviations",
    )
    withheld: str = Field(
        "", description="attack classes to keep from gateways: A,B; empty draws one for each"
    )
    withheld_share: float = Field(
        0.5, ge=0, le=1, description="share of the gateways that withheld keeps classes from"
    )
    host_side: Literal["source", "destination"] = Field(
        "source", description="whose address host and host-dirichlet go by"
    )
    prefix: int = Field(
        32, ge=1, le=32, description="address bits that name a group of host-dirichlet; 32 hosts"
    )
    label_scheme: str = Field("dirichlet", description="mixes of classes of scheme mixed")
    size_scheme: str = Field("log-normal", description="sizes of scheme mixed; iid for equal ones")
    minimum: int = Field(10, ge=2, description="fewest flows of a gateway")
    arrival: Literal["at-once", "growing", "passing"] = Field(
        "at-once", description="a round's training flows: all, the first r/R, or the r-th part"
    )
    plan: str = Field(
        "", description="plan file of `fednids partition`, dealt by instead of the scheme"
    )


class ModelConfig(Section):
    """The network; sizes left out are the preset's."""

    preset: str = Field("default", description="named set of sizes: default or paper")
    classes: Annotated[Literal[5, 2], AsNumber] = Field(
        5, description="5 classes, or 2: benign against attack"
    )
    channels: Annotated[Sizes | None, OfPreset] = Field(
        None, description="channels of each convolution"
    )
    kernel: Annotated[int | None, OfPreset] = Field(
        None, ge=1, description="flows a convolution sees; odd"
    )
    pools: Annotated[Sizes | None, OfPreset] = Field(
        None, description="pool after each convolution"
    )
    hidden: Annotated[int | None, OfPreset] = Field(
        None, ge=1, description="LSTM's hidden size each way"
    )
    dense: Annotated[int | None, OfPreset] = Field(
        None, ge=0, description="width of the dense layer, 0 for none"
    )
    dropout: Annotated[float | None, OfPreset] = Field(
        None, ge=0, lt=1, description="share dropped before the BiLSTM"
    )
    readout: Annotated[Literal["last", "states", "mean"] | None, OfPreset] = Field(
        None, description="what the head reads: last step, final states, or mean over steps"
    )


class TrainConfig(Section):
    """What a gateway does in a round."""

    batch_size: int = Field(64, ge=1, le=65_536, description="windows per optimiser step (B)")
    epochs: int = Field(1, ge=1, description="passes over the gateway's windows in a round")
    learning_rate: float = Field(0.003, gt=0, description="of the first round")
    final_rate: float = Field(
        0.05,
        gt=0,
        le=1,
        description="learning rate of the last round, as a share of the first; cosine between",
    )
    optimiser: Literal["adam", "sgd"] = Field("adam", description="fresh at each gateway and round")
    balance: float = Field(
        0.25,
        ge=0,
        le=1,
        description="class weights N/(C n_c) to this power: 0 none, 1 fully balanced",
    )
    shuffle: bool = Field(
        True, description="every epoch in an order of its own; false: in the order of the flows"
    )
    stack: int = Field(
        0,
        ge=0,
        le=64,
        description="gateways trained in one graph; 0 chooses, 1 trains each alone",
    )


class FederationConfig(Section):
    """How the server leads the rounds."""

    rounds: int = Field(10, ge=1, description="number of rounds")
    strategy: str = Field("fedavg", description="how updates are aggregated")
    fraction: float = Field(
        1.0, gt=0, le=1, description="share of the gateways that trains in a round"
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
        1, ge=0, description="liars (f) that krum, multikrum, bulyan bear among the participants"
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
    max_failures: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="share of a round's gateways that may fail before the run stops",
    )


class RunConfig(Section):
    """How it is executed; only the seed changes results."""

    seed: int = Field(1, ge=0, lt=2**32, description="of everything that is drawn")
    engine: str = Field("auto", description="where gateways train: auto, inprocess or processes")
    workers: int = Field(0, ge=0, le=1024, description="worker processes; 0 for one a processor")


class Config(Section):
    """All settings of one run."""

    data: DataConfig = DataConfig()
    partition: PartitionConfig = PartitionConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    federation: FederationConfig = FederationConfig()
    run: RunConfig = RunConfig()

    @classmethod
    def resolve(
        cls, settings: Mapping[str, object] | None = None, *, file: Path | None = None
    ) -> Config:
        """Put defaults, a file and single settings together, later ones winning.

        Parameters
        ----------
        settings : Mapping[str, object], optional
            Values by ``section.key``; texts are read as the setting's type.
        file : Path, optional
            TOML file with the sections as tables.

        Raises
        ------
        ConfigError
            An unknown setting, with the nearest known one, or a value out of range.
        """
        merged: dict[str, dict[str, object]] = {}
        for name, value in [*_from_file(file), *(settings or {}).items()]:
            section, _, key = name.partition(".")
            if name not in KEYS:
                raise ConfigError(_unknown(name))
            merged.setdefault(section, {})[key] = value
        try:
            return cls.model_validate(merged)
        except ValidationError as error:
            raise ConfigError(_fault(error)) from None

    def flat(self) -> dict[str, Scalar]:
        """Give every setting by ``section.key`` as Flower's run config wants it.

        Settings left to the preset are empty texts, several sizes a text ``"16,32"``.
        """
        return {name: _scalar(value) for name, value in _settings(self)}

    def to_toml(self) -> str:
        """Write all settings as TOML; reading it back gives an equal `Config`."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))


def parse_settings(arguments: Sequence[str]) -> dict[str, str]:
    """Split arguments ``section.key=value``.

    Raises
    ------
    ConfigError
        An argument without ``=``.
    """
    settings = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals:
            raise ConfigError(
                f"expected settings as section.key=value, got {argument!r}; "
                "`fednids config` lists them"
            )
        settings[name.strip()] = value.strip()
    return settings


def describe_settings() -> Iterator[tuple[str, str, str]]:
    """Give name, default and meaning of every setting."""
    defaults = dict(_settings(Config()))
    for section, field in Config.model_fields.items():
        group = cast(type[Section], field.annotation)
        for key, setting in group.model_fields.items():
            default = defaults[f"{section}.{key}"]
            shown = "of the preset" if default is None else str(default)
            yield f"{section}.{key}", shown, setting.description or ""


def _settings(config: Config) -> Iterator[tuple[str, Any]]:
    for section in Config.model_fields:
        group = getattr(config, section)
        for key in type(group).model_fields:
            yield f"{section}.{key}", getattr(group, key)


def _scalar(value: Any) -> Scalar:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return cast(Scalar, value)


def _from_file(file: Path | None) -> Iterator[tuple[str, object]]:
    if file is None:
        return
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"expected a readable TOML file, got {file} ({error}); correct it or name "
            "another".replace("\n", " ")
        ) from None
    for section, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(
                f"expected tables like [train] in {file}, got the bare key {section!r}; move it"
            )
        for key, value in table.items():
            yield f"{section}.{key}", value


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, KEYS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "`fednids config` lists them"
    return f"expected a known setting, got {name!r}; {hint}"


def _fault(error: ValidationError) -> str:
    """Tell the first thing wrong in one line."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][:2])
    rule = first["msg"].replace("Input should", "should").replace("String should", "should")
    return f"setting {name} {rule}, got {first['input']!r}; see `fednids config`"


KEYS: tuple[str, ...] = tuple(name for name, _ in _settings(Config()))
"""Names of all settings."""
