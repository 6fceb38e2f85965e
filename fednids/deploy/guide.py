"""The page for the operator that `fednids deploy init` writes beside the keys."""

from __future__ import annotations

from fednids.deploy.folder import Deployment

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


def write_guide(deployment: Deployment, units: tuple[str, str]) -> str:
    """Return the page.

    Parameters
    ----------
    deployment : Deployment
        With the names and the address.
    units : tuple of str
        Names of the server's and of the gateways' service files.
    """
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
        copies=copies, starts=starts, server_unit=units[0], gateway_unit=units[1],
    )  # fmt: skip
