"""Services for systemd, one for the server and one for each gateway.

``RestartSec=15``: a SuperNode that was killed is refused for up to 60 s, until the server
gives up its old session, and ends each time it is. With 15 s it is back 60 to 75 s after a
kill, and 15 s after everything else; 75 s would be slower always and sooner never. No limit
on the number of starts, since four refusals in a row are in order.
"""

from __future__ import annotations

from fednids.deploy.folder import Deployment, GatewaySite

SERVER_UNIT, GATEWAY_UNIT = "fednids-server.service", "fednids-gateway.service"

_UNIT = """\
# Change the paths, the user and (gateways) the flow file; then copy to /etc/systemd/system.
[Unit]
Description={title}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
User=fednids
UMask=0077
ExecStart={command}
Restart=always
RestartSec=15
KillMode=control-group
TimeoutStopSec=40
NoNewPrivileges=true
ProtectSystem=full
PrivateTmp=true

[Install]
WantedBy=multi-user.target
"""


def server_unit(deployment: Deployment) -> str:
    """Return the systemd unit of the server, for the folder where it is."""
    return _UNIT.format(
        title="fednids server",
        command=f"/opt/fednids/bin/fednids deploy server {_quoted(str(deployment.path))}",
    )


def gateway_unit(site: GatewaySite) -> str:
    """Return the systemd unit of a gateway, for its folder copied to ``/etc/fednids``."""
    return _UNIT.format(
        title=f"fednids gateway {site.name}",
        command=f"/opt/fednids/bin/fednids deploy gateway /etc/fednids/{site.name} {site.name} "
        "--data /var/lib/fednids/flows.csv.gz",
    )


def _quoted(path: str) -> str:
    r"""Write a path as one word of systemd's: ``%`` and ``$`` doubled, in double quotes."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
