"""What `fednids deploy init` writes beside the keys: a page for the operator, systemd services.

``RestartSec=15``: a SuperNode that was killed is refused for up to 60 s, until the server
gives up its old session, and ends each time it is. With 15 s it is back 60 to 75 s after a
kill, and 15 s after everything else; 75 s would be slower always and sooner never. No limit
on the number of starts, since four refusals in a row are in order.
"""

from __future__ import annotations

from fednids.deploy.folder import Deployment, GatewaySite

SERVER_UNIT, GATEWAY_UNIT = "fednids-server.service", "fednids-gateway.service"

_GUIDE = """\
# Federation on {address}

1. Install the same version of fednids on every host, in a virtual environment of its own.
2. This folder stays on the server's host. Start the server there:

       fednids deploy server {path}

   Gateways must reach TCP port {port} of {host}; no host needs a port open but this one.
3. Copy each gateway's folder to its host, and nothing else; nobody else may read it:

{copies}

   and start it there:

{starts}

4. See who is there, and start a run, on the server's host:

       fednids deploy status {path}
       fednids deploy run {path} --rounds 10 --out /absolute/path/of/a/new/folder

To start all this with the machines, change and install `server/{server_unit}` and
`gateways/NAME/{gateway_unit}`.

## Secrets

| file | who has it | what it lets him do |
|---|---|---|
| `authority/ca.key` | you, off line after this | be the server of this federation |
| `server/server.key` | the server's host | be the server until its certificate expires |
| `gateways/NAME/gateway.key` | that gateway's host | be that gateway |

All are written once and never overwritten. Anybody who can log in to the server's host can start
runs: the control interface asks nobody who he is, and answers that host alone.

A lost gateway key: move `gateways/NAME/gateway.*` away, run the same `fednids deploy init` again,
start the server again, copy the folder. A gateway less or more: `fednids deploy init` with other
`--gateways`, start the server again. A certificate that expires: `fednids deploy init ... --renew`.
"""

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


def write_guide(deployment: Deployment) -> str:
    """Return the page, with the deployment's names and address."""
    copies = "\n".join(
        f"       scp -pr {deployment.gateway(name).path} HOST-OF-{name}:/etc/fednids/{name}"
        for name in deployment.gateways
    )
    starts = "\n".join(
        f"       fednids deploy gateway /etc/fednids/{name} {name} --data FLOWS"
        for name in deployment.gateways
    )
    server = deployment.server
    return _GUIDE.format(
        address=server.address, path=deployment.path, port=server.port, host=server.host,
        copies=copies, starts=starts, server_unit=SERVER_UNIT, gateway_unit=GATEWAY_UNIT,
    )  # fmt: skip


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
