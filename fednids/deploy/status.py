"""What a deployment looks like now: server, certificate, gateways, runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fednids.deploy.authority import days_left
from fednids.deploy.control import Control, RunState
from fednids.deploy.folder import Deployment
from fednids.deploy.reach import is_up
from fednids.deploy.registering import read_nodes
from fednids.errors import SetupError

UNKNOWN = "unknown"
_RUNS = 5


@dataclass(frozen=True)
class Status:
    """A deployment at one moment.

    Attributes
    ----------
    address : str
        Where gateways reach the server.
    up : bool
        Whether it answers.
    certificate_days : float or None
        For how long its certificate is good; None without one.
    gateways : dict
        By name: ``online``, ``offline``, ``registered`` or ``unknown``.
    runs : tuple of RunState
        The last ones, the newest first.
    """

    address: str
    up: bool
    certificate_days: float | None
    gateways: dict[str, str]
    runs: tuple[RunState, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the status as JSON."""
        return {**asdict(self), "runs": [asdict(run) for run in self.runs]}


def look_at(deployment: Deployment) -> Status:
    """Ask the server, on its own machine.

    Raises
    ------
    SetupError
        Another server answers, or its certificate has expired.
    """
    days = None
    if not deployment.server.insecure:
        try:
            days = days_left(deployment.certificate.read_bytes())
        except OSError as error:
            raise SetupError(
                f"expected the server's certificate in {deployment.certificate}, got "
                f"{error.strerror}; run this on the server's machine"
            ) from None
    gateways = dict.fromkeys(deployment.gateways, UNKNOWN)
    runs: tuple[RunState, ...] = ()
    up = is_up(deployment.server, deployment.ca, beside=True)
    if up:
        control = Control(deployment)
        nodes, known = control.nodes(), read_nodes(deployment)
        for name in deployment.gateways:
            if name in known and known[name][0] in nodes:
                gateways[name] = nodes[known[name][0]]
        runs = tuple(control.runs()[:_RUNS])
    return Status(deployment.server.address, up, days, gateways, runs)
