"""Federations whose gateways have flow files of their own, without any network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flwr.app import Context, RecordDict
from runs_factory import SMALL

from fednids.config import Config, Scalar, run_config_defaults
from fednids.datasets.federated import FederatedDataset
from fednids.experiment.arms import CLIENT_APP
from fednids.experiment.export import export_gateways
from fednids.simulation.engines import Clients, LocalGrid, open_grid

NAMES = ("attic", "barn", "cellar")
TRAINING = {
    name: value
    for name, value in SMALL.items()
    if not name.startswith(("data.flows", "partition."))
}
"""The small settings without those that deal flows."""


@dataclass(frozen=True)
class Sites(Clients):
    """Clients with node configs as those of a deployment, in the order of the node ids."""

    places: Sequence[Mapping[str, Scalar]] = field(default=())

    def context(self, node: int, state: RecordDict) -> Context:
        """Give the node's own config in place of a partition id."""
        there = super().context(node, state)
        there.node_config = dict(self.places[self.nodes().index(node)])
        return there


def export(folder: Path, names: Sequence[str] = NAMES, **settings: object) -> Path:
    """Export small synthetic flows, and call the files as the gateways are called."""
    dealt = Config.resolve({**SMALL, "partition.gateways": len(names), **settings})
    export_gateways(dealt, FederatedDataset.open(dealt), folder)
    for k, name in enumerate(names):
        (folder / f"gateway-{k:05d}.parquet").rename(folder / f"{name}.parquet")
    return folder


def place(name: str, file: Path, state: Path) -> dict[str, Scalar]:
    """Give the node config of a gateway."""
    return {"gateway": name, "data": str(file), "state": str(state)}


def deployed(names: Sequence[str] = NAMES, **settings: Any) -> dict[str, Scalar]:
    """Give the run config of a deployment, as Flower would: all settings and ``out``."""
    given = {**TRAINING, **settings}
    return {
        **run_config_defaults(),
        **Config.resolve({**given, "partition.scheme": "files"}).flat(),
        **_left(names),
        "out": "",
    }


def site_grid(
    places: Sequence[Mapping[str, Scalar]], run_config: Mapping[str, Scalar]
) -> LocalGrid:
    """Open a Grid over gateways of a deployment."""
    return open_grid(
        "inprocess", Sites(CLIENT_APP, len(places), run_config, places=places), workers=1, work=0
    )


def _left(names: Sequence[str]) -> dict[str, Scalar]:
    """Name the gateways and leave to be implied what they imply."""
    default = Config().flat()
    implied = {name: default[name] for name in ("partition.scheme", "partition.gateways")}
    return {"deploy.gateways": ",".join(names), "deploy.wait_seconds": 0.05, **implied}
