"""The flows of one client: a partition of a simulation, or a deployed gateway's own file."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

from flwr.app import Context

from fednids.config import Config, Scalar
from fednids.datasets.deployable import check_deployment
from fednids.datasets.federated import FederatedDataset
from fednids.errors import DataError, FederationError, FednidsError
from fednids.files import told_of_disk, write_atomically
from fednids.flows.files.checksum import file_sha256
from fednids.messages.client_state import Memory
from fednids.runs.layout import memories
from fednids.runs.plugins import check_same_plugins
from fednids.training.local import LocalTrainer, open_trainer

_NOTE = "flows.sha256"


@contextmanager
def named(name: str) -> Iterator[None]:
    """Add to an error which gateway it is about: Flower sends the server no more than its text."""
    try:
        yield
    except FednidsError as error:
        raise type(error)(f"gateway {name or 'without a name'}: {error}") from None


@dataclass(frozen=True)
class OwnFlows:
    """A deployed gateway's name and flow file, and its folder for one run.

    A file that changes during a run is split anew: test flows of one round would be training
    flows of the next. A message may come to a new process, so the folder records which
    flows the run began with.

    Attributes
    ----------
    name : str
        Of the gateway.
    path : Path
        Its flow file.
    sha256 : str
        Of the file as it is now.
    folder : Path
        What it keeps of the run: the digest of its flows, and its state.
    """

    name: str
    path: Path
    sha256: str
    folder: Path

    def begin(self, *, resumed: bool) -> None:
        """Record the flows that a run begins with, and remove an older run of that folder.

        Parameters
        ----------
        resumed : bool
            Whether the run continues after a stop: then nothing is removed.

        Raises
        ------
        DataError
            The flows have changed while the run was stopped.
        DiskError
            The folder cannot be written.
        """
        if resumed:
            self.check()
        with told_of_disk(self.folder):
            if not resumed:
                shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / _NOTE, self.sha256.encode())

    def check(self) -> None:
        """Check that the flows are those that the run began with.

        Raises
        ------
        DataError
            They are not.
        """
        note = self.folder / _NOTE
        if note.is_file() and note.read_text(encoding="utf-8") != self.sha256:
            raise DataError(
                f"expected {self.path} as it was when the run began, got another file; put it "
                "back, or begin a new run and leave the file alone until it ends"
            )


@dataclass(frozen=True)
class LocalData:
    """The flows that a context stands for, ready to train on.

    Attributes
    ----------
    trainer : LocalTrainer
        Opened once a process and run.
    partition_id : int
        Which client of it.
    memory : Memory
        What the client keeps between rounds.
    own : OwnFlows or None
        Name and file of a deployed gateway.
    """

    trainer: LocalTrainer
    partition_id: int
    memory: Memory
    own: OwnFlows | None = None


def local_data(context: Context) -> LocalData:
    """Return the flows of the client that a context stands for.

    Parameters
    ----------
    context : Context
        Of the message: node config and run config.

    Raises
    ------
    FednidsError
        They cannot be read, or do not fit the run.
    """
    run_config = cast(Mapping[str, Scalar], context.run_config)
    node = cast(Mapping[str, Scalar], context.node_config)
    if "gateway" in node:
        with named(str(node["gateway"])):
            check_same_plugins(run_config)
    config, out = _config_of(tuple(sorted(run_config.items()))), str(run_config.get("out", ""))
    if config.deploy.names or "gateway" in node:
        return _own_flows(config, node, out or f"run {context.run_id}")
    partition_id = int(node["partition-id"])
    memory = Memory(memories(Path(out)) if out else None, partition_id)
    return LocalData(open_trainer(config), partition_id, memory)


@lru_cache(maxsize=1)
def _config_of(run_config: tuple[tuple[str, Scalar], ...]) -> Config:
    return Config.of_run(dict(run_config))


def _own_flows(config: Config, node: Mapping[str, Scalar], run: str) -> LocalData:
    """Open the gateway of this machine.

    Parameters
    ----------
    config : Config
        Settings of the run.
    node : Mapping
        Node config: ``gateway``, its name; ``data``, its flow file; ``state``, where it keeps
        what it needs between rounds, beside Flower's own files without.
    run : str
        What runs are told apart by, the same when one continues after a stop.
    """
    name, data = (str(node.get(key, "")) for key in ("gateway", "data"))
    with named(name):
        partition_id = _place(config, name)
        check_deployment(config)
        if not data:
            raise FederationError(
                "expected a flow file in the node config, got none; start the SuperNode with "
                'data="FILE" in --node-config'
            )
        sha256 = file_sha256(Path(data))
        folder = _state(node, name) / hashlib.sha256(run.encode()).hexdigest()[:16]
        trainer = _own_trainer(config, data, partition_id, sha256)
        own = OwnFlows(name, Path(data), sha256, folder)
        return LocalData(trainer, partition_id, Memory(folder, partition_id), own)


@lru_cache(maxsize=16)
def _own_trainer(config: Config, data: str, partition_id: int, sha256: str) -> LocalTrainer:
    """Open a gateway's flows once; another checksum is another file of that name."""
    return LocalTrainer(config, FederatedDataset.open_gateway(config, Path(data), partition_id))


def _place(config: Config, name: str) -> int:
    names = config.deploy.names
    if not names:
        raise FederationError(
            "expected a run that names its gateways, got one without deploy.gateways; start it "
            "with `fednids deploy run`"
        )
    if not name:
        raise FederationError(
            'expected a name in the node config, got none; start the SuperNode with gateway="NAME" '
            "in --node-config"
        )
    if name not in names:
        raise FederationError(
            f"expected a gateway among {', '.join(names)}, got {name}; add it to deploy.gateways, "
            "or stop it"
        )
    return names.index(name)


def _state(node: Mapping[str, Scalar], name: str) -> Path:
    home = Path(os.environ.get("FLWR_HOME", "") or "~/.flwr").expanduser()
    chosen = str(node.get("state", ""))
    return (Path(chosen) if chosen else home / "fednids") / name
