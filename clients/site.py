"""A gateway of a deployment, opened from the node config of its machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from clients.gateway import Gateway
from clients.own import Own, named
from fednids.config import Config, Scalar
from fednids.datasets.deployable import check_deployment
from fednids.datasets.federated import FederatedDataset
from fednids.errors import FederationError
from fednids.flows.files.checksum import file_sha256
from fednids.messages.client_state import Memory
from fednids.training.local import Workplace

_Flows = tuple[str, int, str]
"""A gateway's flow file, its partition id, and the file's checksum."""


def own_gateway(config: Config, node: Mapping[str, Scalar], run: str) -> Gateway:
    """Open the gateway of this machine; its workplace is kept for the next message.

    Parameters
    ----------
    config : Config
        Settings of the run.
    node : Mapping
        Node config: ``gateway``, its name; ``data``, its flow file; ``state``, where it
        remembers, beside Flower's own files without.
    run : str
        What runs are told apart by, the same when one goes on after a stop.

    Raises
    ------
    FederationError
        The run does not know this gateway, or the node config names no flow file.
    DataError, ConfigError
        Its flows cannot be read or split, or the run has settings of a simulation.
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
        workplace = _workplace(_opened(config), config, (data, partition_id, sha256))
        own = Own(name, Path(data), sha256, folder)
        return Gateway(workplace, partition_id, Memory(folder, partition_id), own)


@lru_cache(maxsize=1)
def _opened(config: Config) -> dict[_Flows, Workplace]:
    """Hold the workplaces of one run; another run's settings let go of them."""
    return {}


def _workplace(opened: dict[_Flows, Workplace], config: Config, flows: _Flows) -> Workplace:
    """Open a gateway's flows once; another checksum is another file of that name."""
    if flows not in opened:
        data, partition_id, _ = flows
        opened[flows] = Workplace(config, FederatedDataset.own(config, Path(data), partition_id))
    return opened[flows]


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
    """Say where a gateway remembers."""
    home = Path(os.environ.get("FLWR_HOME", "") or "~/.flwr").expanduser()
    chosen = str(node.get("state", ""))
    return (Path(chosen) if chosen else home / "fednids") / name
