"""The five places where fednids is open: partitioners, algorithms, networks, data sets, sinks.

Each has a `Registry` here. A member comes with fednids, from an installed distribution with an
entry point in the group ``fednids.<kind>``, or from a plug-in: a Python file that is named on the
local command line or in a local configuration file, and that registers what it defines::

    from fednids.extensions import ALGORITHMS

    @ALGORITHMS.register("my-average")
    class MyAverage(Algorithm):
        ...

Code is never loaded because a server or a record asks for it. Members are imported when they are
looked up, so naming one costs nothing.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from fednids.errors import ConfigError

if TYPE_CHECKING:
    from fednids.algorithms.interface import Algorithm
    from fednids.runs.callbacks import Callback

Member = TypeVar("Member")

INHERITED = "FEDNIDS_PLUGINS"
"""Environment variable by which worker processes learn which plug-ins this one has loaded."""


@dataclass(frozen=True)
class Plugin:
    """A plug-in file that this process has loaded.

    Attributes
    ----------
    path : Path
        The file, absolute.
    sha256 : str
        Of its bytes.
    """

    path: Path
    sha256: str


_loaded: list[Plugin] = []


class Registry(Generic[Member]):
    """Members of one kind, by the name that settings give them.

    Parameters
    ----------
    kind : str
        What a member is, for messages: ``"algorithm"``.
    setting : str
        The setting that names one: ``"strategy.name"``.
    builtin : Mapping[str, str]
        Members that come with fednids, as ``"module:attribute"``.
    check : Callable, optional
        Returns what is wrong with a member from outside, or None.
    """

    def __init__(
        self,
        kind: str,
        setting: str,
        builtin: Mapping[str, str],
        check: Callable[[Any], str | None] = lambda member: None,
    ):
        self.kind, self.setting = kind, setting
        self._builtin, self._check = dict(builtin), check
        self._found: dict[str, Member] = {}
        self._plugged: dict[str, Plugin | None] = {}

    def names(self) -> tuple[str, ...]:
        """Return the names of all members: fednids' own, then plug-ins', then distributions'."""
        _load_inherited()
        return tuple(dict.fromkeys([*self._builtin, *self._plugged, *self._points()]))

    @property
    def builtin(self) -> tuple[str, ...]:
        """Names of the members that come with fednids."""
        return tuple(self._builtin)

    def find(self, name: str) -> Member:
        """Return a member.

        Raises
        ------
        ConfigError
            There is none of this name, or it cannot be imported.
        """
        if name not in self._found:
            _load_inherited()
        if name not in self._found:
            self._found[name] = self._import(name)
        return self._found[name]

    def register(self, name: str) -> Callable[[Member], Member]:
        """Return a decorator that adds a class or function of a plug-in or a notebook.

        Raises
        ------
        ConfigError
            The name belongs to another member, or the member is not what this kind must be.
        """

        def add(member: Member) -> Member:
            taken = name in self._builtin or name in self._points()
            if taken or (name in self._plugged and self._plugged[name] != _loading):
                raise ConfigError(
                    f"expected a new name for the {self.kind} {name!r}, got one that is taken; "
                    "choose another"
                )
            self._found[name] = self._checked(name, member)
            self._plugged[name] = _loading
            return member

        return add

    def plugin(self, name: str) -> Plugin | None:
        """Return the plug-in that a member comes from; None for all others."""
        return self._plugged.get(name)

    def _points(self) -> dict[str, EntryPoint]:
        group = f"fednids.{self.kind.replace(' ', '')}s"
        return {point.name: point for point in _installed(group, tuple(sys.path))}

    def _import(self, name: str) -> Member:
        if name in self._builtin:
            module, _, attribute = self._builtin[name].partition(":")
            found: Member = getattr(importlib.import_module(module), attribute)
            return found
        points = self._points()
        if name not in points:
            raise ConfigError(self._unknown(name))
        try:
            member = points[name].load()
        except Exception as error:
            raise ConfigError(
                f"expected the {self.kind} {name!r} from {points[name].value}, got "
                f"{_one_line(error)}; correct the distribution that declares it"
            ) from None
        return self._checked(name, member)

    def _checked(self, name: str, member: Any) -> Member:
        fault = self._check(member)
        if fault:
            raise ConfigError(f"{self.kind} {name!r}: {fault}")
        found: Member = member
        return found

    def _unknown(self, name: str) -> str:
        names = self.names()
        near = difflib.get_close_matches(name.lower(), names, n=1)
        hint = f"did you mean {near[0]}?" if near else "choose one of these, or give --plugin FILE"
        return f"expected {self.setting} to be one of {', '.join(names)}, got {name!r}; {hint}"


@cache
def _installed(group: str, path: tuple[str, ...]) -> EntryPoints:
    """Return what distributions on a path declare of a group; this reads a file of each of them."""
    return entry_points(group=group)


_loading: Plugin | None = None
"""The plug-in whose file is being run."""


def load_plugins(files: Iterable[Path]) -> None:
    """Run plug-in files, each once, and have worker processes of this one run them as well.

    Parameters
    ----------
    files : Iterable[Path]
        Named by whoever started this process, never by a server or a record.

    Raises
    ------
    ConfigError
        A file cannot be read, fails, or registers something that is not as it must be.
    """
    for file in files:
        try:
            path = file.resolve()
            source = path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"expected a plug-in in {file}, got {error.strerror or error}; check the path"
            ) from None
        _run(Plugin(path, hashlib.sha256(source).hexdigest()))
    if _loaded:
        told = [[str(each.path), each.sha256] for each in _loaded]
        os.environ[INHERITED] = json.dumps(told)


def loaded_plugins() -> tuple[Plugin, ...]:
    """Return the plug-ins that this process has loaded, in that order."""
    _load_inherited()
    return tuple(_loaded)


def _load_inherited() -> None:
    """Load what the process that started this one had loaded."""
    for path, sha256 in json.loads(os.environ.get(INHERITED, "[]")):
        plugin = Plugin(Path(path), sha256)
        if plugin not in _loaded:
            _run(plugin)


def _run(plugin: Plugin) -> None:
    global _loading
    if plugin in _loaded:
        return
    found = hashlib.sha256(plugin.path.read_bytes()).hexdigest() if plugin.path.is_file() else ""
    if found != plugin.sha256:
        raise ConfigError(
            f"expected {plugin.path} as it was when the run began, got another file; start again"
        )
    name = f"fednids_plugin_{plugin.sha256[:16]}"
    spec = importlib.util.spec_from_file_location(name, plugin.path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"expected a Python file, got {plugin.path}; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _loaded.append(plugin)
    before, _loading = _loading, plugin
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        _loaded.remove(plugin)
        del sys.modules[name]
        raise ConfigError(
            f"expected plug-in {plugin.path} to run, got {_one_line(error)}; correct the file"
        ) from None
    finally:
        _loading = before


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, ConfigError) else f"{type(error).__name__}: {text}"


def _later(function: str) -> Callable[[Any], str | None]:
    """Return a check that lies above this module, imported when it is first needed."""
    module, _, name = function.partition(":")
    return lambda member: cast("str | None", getattr(importlib.import_module(module), name)(member))


def _algorithm_fault(member: Any) -> str | None:
    if isinstance(member, type) and hasattr(member, "begin") and hasattr(member, "train"):
        return None
    return f"expected a class derived from fednids.algorithms.Algorithm, got {member!r}"


_ALGORITHMS = "fednids.algorithms"

ALGORITHMS: Registry[type[Algorithm]] = Registry(
    "algorithm",
    "strategy.name",
    {
        "fedavg": f"{_ALGORITHMS}.fedavg:FedAvg",
        "fedprox": f"{_ALGORITHMS}.fedprox:FedProx",
        "fedlc": f"{_ALGORITHMS}.fedlc:FedLc",
        "fedntd": f"{_ALGORITHMS}.fedntd:FedNtd",
        "fedsam": f"{_ALGORITHMS}.fedsam:FedSam",
        "moon": f"{_ALGORITHMS}.moon:Moon",
        "fedavgm": f"{_ALGORITHMS}.server_optimiser:FedAvgM",
        "fedadam": f"{_ALGORITHMS}.server_optimiser:FedAdam",
        "fedyogi": f"{_ALGORITHMS}.server_optimiser:FedYogi",
        "fedadagrad": f"{_ALGORITHMS}.server_optimiser:FedAdagrad",
        "qfedavg": f"{_ALGORITHMS}.qfedavg:QFedAvg",
        "fedmedian": f"{_ALGORITHMS}.coordinates:FedMedian",
        "fedtrimmedavg": f"{_ALGORITHMS}.coordinates:FedTrimmedAvg",
        "krum": f"{_ALGORITHMS}.krum:Krum",
        "multikrum": f"{_ALGORITHMS}.krum:MultiKrum",
        "bulyan": f"{_ALGORITHMS}.krum:Bulyan",
        "rfa": f"{_ALGORITHMS}.rfa:Rfa",
        "normclip": f"{_ALGORITHMS}.normclip:NormClip",
        "scaffold": f"{_ALGORITHMS}.scaffold:Scaffold",
        "fednova": f"{_ALGORITHMS}.fednova:FedNova",
        "classwise": f"{_ALGORITHMS}.classwise:ClassWise",
        "feddyn": f"{_ALGORITHMS}.feddyn:FedDyn",
        "fedper": f"{_ALGORITHMS}.fedper:FedPer",
        "ditto": f"{_ALGORITHMS}.ditto:Ditto",
        "ifca": f"{_ALGORITHMS}.ifca:Ifca",
        "fltrust": f"{_ALGORITHMS}.fltrust:FLTrust",
    },
    _algorithm_fault,
)
"""What server and clients do in a round: classes derived from `fednids.algorithms.Algorithm`."""

NETWORKS: Registry[Any] = Registry(
    "network",
    "model.network",
    {
        "cnn-bilstm": "fednids.networks.cnn_bilstm.declaration:CNNBiLSTM",
        "cnn-gru": "fednids.networks.cnn_gru:CNNGRU",
        "mlp": "fednids.networks.mlp:MLP",
    },
    _later("fednids.networks.interface:network_fault"),
)
"""What is trained."""

DATASETS: Registry[Any] = Registry(
    "dataset",
    "data.dataset",
    {
        f"{name}{version}": f"fednids.datasets.{name.replace('-', '_')}:"
        f"{f'{name}{version}'.replace('-', '_').upper()}"
        for version in ("", "-v3")
        for name in (
            "nf-bot-iot",
            "nf-ton-iot",
            "nf-unsw-nb15",
            "nf-cse-cic-ids2018",
            "nf-uq-nids",
        )
    },
    lambda member: (
        None
        if hasattr(member, "feature_sets")
        else f"expected a DatasetSpec, got {type(member).__name__}; register the spec itself"
    ),
)
"""Which columns and classes flows have."""

PARTITIONERS: Registry[Any] = Registry(
    "partitioner",
    "partition.scheme",
    {
        "dirichlet": "partitions.dirichlet:dirichlet",
        "inner-dirichlet": "partitions.inner_dirichlet:inner_dirichlet",
        "pathological": "partitions.pathological:pathological",
        "extended-dirichlet": "partitions.extended_dirichlet:extended_dirichlet",
        "shards": "partitions.shards:shards",
        "withheld": "partitions.withheld:withheld",
        "quantity": "partitions.sizes:quantity",
        "linear": "partitions.sizes:linear",
        "square": "partitions.sizes:square",
        "exponential": "partitions.sizes:exponential",
        "log-normal": "partitions.sizes:log_normal",
        "power-law": "partitions.sizes:power_law",
        "iid": "partitions.iid:iid",
        "feature": "partitions.feature:feature",
        "noise": "partitions.noise:noise",
        "host": "partitions.host:host",
        "host-dirichlet": "partitions.host_dirichlet:host_dirichlet",
        "blocks": "partitions.blocks:blocks",
        "mixed": "partitions.mixed:mixed",
    },
    _later("partitions.interface:fault_of"),
)
"""How flows are dealt to clients."""


def _sink_fault(member: Any) -> str | None:
    if isinstance(member, type) and not all(
        callable(getattr(member, name, None)) for name in ("run_began", "round_ended", "run_ended")
    ):
        return f"expected run_began, round_ended and run_ended, got {member!r} without one of them"
    return None


_CALLBACKS = "fednids.runs.callbacks"

SINKS: Registry[Callable[[str], Callback]] = Registry(
    "sink",
    "--track",
    {
        "csv": f"{_CALLBACKS}.csv_files:CsvSink",
        "tensorboard": f"{_CALLBACKS}.tensorboard:TensorboardSink",
        "mlflow": f"{_CALLBACKS}.mlflow_store:MlflowSink",
    },
    _sink_fault,
)
"""Where rounds and results are written beside the run folder."""
