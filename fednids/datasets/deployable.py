"""What a deployment does not take: settings of a simulated world, and a deal of its own."""

from __future__ import annotations

from fednids.config import Config
from fednids.config.folder import FILES
from fednids.errors import ConfigError

_SIMULATED = ("availability", "clock", "attack")


def check_deployment(config: Config) -> None:
    """Check that the settings are those of a deployment; nothing for a simulation.

    Raises
    ------
    ConfigError
        One of them simulates what a deployment has, or says what its gateways know.
    """
    names = config.deploy.names
    if not names:
        return
    partition, given = config.partition, config.flat()
    wrong = {
        "partition.gateways": partition.gateways != len(names),
        "partition.scheme": partition.scheme != FILES,
        "partition.plan": bool(partition.plan),
        "data.path": bool(config.data.path),
        "data.sha256": bool(config.data.sha256),
        "data.unseen": bool(config.data.unseen),
        "partition.unseen_gateways": bool(partition.unseen_gateways),
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise ConfigError(
                f"expected {len(names)} gateways with a flow file each ({', '.join(names)}), got "
                f"{name} {given[name]}; leave {name} out"
            )
    defaults = Config().flat()
    for name, value in given.items():
        if name.startswith(tuple(f"{s}." for s in _SIMULATED)) and value != defaults[name]:
            raise ConfigError(
                f"expected real gateways to be there, slow or dishonest by themselves, got {name} "
                f"{value}; leave it out, or simulate without deploy.gateways"
            )
