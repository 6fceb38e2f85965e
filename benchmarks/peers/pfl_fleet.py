"""A fleet on pfl-research: a process per core with one thread each, joined by gloo.

The script starts the other processes itself and gives all of them what ``torchrun`` would
put into their environment, which saves the seconds that ``torchrun`` takes to start.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import clock
import fleet
from settle import settle


def main() -> None:
    options = fleet.arguments(__doc__).parse_args()
    others = [] if "RANK" in os.environ or options.processes == 1 else join(options.processes)
    rank, cores = int(os.environ.get("RANK", 0)), sorted(os.sched_getaffinity(0))
    settle(1)
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
    arrays = fleet.read(options.data)
    from pfl_rank import run  # joins the processes when it is imported

    network, ends = run(arrays, options)
    if rank == 0:
        if any(other.wait() for other in others):
            raise SystemExit("expected all processes to end well, one failed; see above")
        fleet.show((clock.STARTED, *ends), network, arrays, "pfl")


def join(processes: int) -> list[subprocess.Popen[bytes]]:
    """Make this process the first rank, and start the others."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ |= {
        "TORCHELASTIC_RUN_ID": "none",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "OMP_NUM_THREADS": "1",
    }
    started = []
    for rank in reversed(range(processes)):
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        if rank:
            started.append(subprocess.Popen([sys.executable, *sys.argv], env=os.environ))
    return started


if __name__ == "__main__":
    main()
