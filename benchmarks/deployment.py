"""A deployment on this machine: seconds a round of ours, warm and cold, and of Flower's least app.

``python -m benchmarks.deployment [--gateways 3,10] [--rounds 5] [--repeats 1]``

One SuperLink and as many SuperNodes as gateways, all on loopback. The least app sends as many
weights and does nothing (`benchmarks.empty_app`), with Flower's own wait and without TLS; ours
trains and evaluates synthetic flows over TLS with node keys, as `fednids deploy` does. Seconds
are those that the server measures, without the first round, which opens flows and compiles.
Memory is the largest resident size seen of any process of a kind, at the ends of rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.empty_run import empty_rounds
from benchmarks.harness import show, spread
from fednids.config import Config
from fednids.deploy.demo import prepare_demo, running, start
from fednids.deploy.environment import MARK
from fednids.deploy.running import deployed_config, run_deployed

FLOWS = 500
KINDS = ("superlink", "superexec", "supernode", "clientapp", "serverapp", "clients.warm")


def resident(state: Path) -> dict[str, int]:
    """Give the largest resident kilobytes of a deployment's processes, by kind."""
    found: dict[str, int] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={state}".encode() not in (process / "environ").read_bytes():
                continue
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            status = (process / "status").read_text(encoding="utf-8")
        except OSError:
            continue
        size = int(status.partition("VmHWM:")[2].split()[0]) if "VmHWM:" in status else 0
        kind = next((kind for kind in KINDS if kind in words), "other")
        found[kind] = max(found.get(kind, 0), size)
    return found


def our_rounds(folder: Path, gateways: int, rounds: int, *, warm: bool) -> dict[str, Any]:
    """Run ours once; give its rounds as they stand in ``rounds.jsonl``, and memory."""
    dealt = Config.resolve(
        {"partition.gateways": gateways, "data.flows": FLOWS * gateways, "partition.alpha": 10.0}
    )
    deployment, files = prepare_demo(folder, dealt)
    ended: list[Mapping[str, Any]] = []
    memory: dict[str, int] = {}

    def told(each: Mapping[str, Any]) -> None:
        ended.append(each)
        for kind, size in resident(deployment.path).items():
            memory[kind] = max(memory.get(kind, 0), size)

    flags = [] if warm else ["--cold"]
    with running(deployment, {}):
        sites = [
            start(deployment, "gateway", str(deployment.path), name, "--data", str(file), *flags)
            for name, file in files.items()
        ]
        try:
            config = deployed_config(deployment, {"federation.rounds": rounds}, None)
            end = run_deployed(deployment, config, folder / "run", told)
        finally:
            for site in sites:
                site.terminate()
            for site in sites:
                site.wait(60)
    if end.result is None:
        raise RuntimeError(end.reason)
    weights = end.result.model.parameters
    return {"rounds": ended, "memory_kb": memory, "weights": weights}


def measure(gateways: int, rounds: int, repeats: int, weights: int) -> dict[str, Any]:
    """Measure the three in turn, several times."""
    taken: dict[str, list[float]] = {"empty": [], "cold": [], "warm": []}
    found: dict[str, Any] = {}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as name:
            taken["empty"] += empty_rounds(Path(name), gateways, rounds, weights)[1:]
        for kind in ("cold", "warm"):
            with tempfile.TemporaryDirectory() as name:
                ran = our_rounds(Path(name), gateways, rounds, warm=kind == "warm")
            taken[kind] += [float(each["seconds"]) for each in ran["rounds"][1:]]
            found[f"{kind}_memory_kb"] = ran["memory_kb"]
            last = ran["rounds"][-1]
            found["bytes_a_round"] = {"down": last["bytes_down"], "up": last["bytes_up"]}
    medians = {kind: statistics.median(seconds) for kind, seconds in taken.items()}
    return {
        **{f"{kind}_round_seconds": spread(seconds) for kind, seconds in taken.items()},
        **{f"{kind}_of_empty": medians[kind] / medians["empty"] for kind in ("cold", "warm")},
        **found,
    }


def main() -> None:
    """Measure all fleets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", default="3,10")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--weights", type=int, default=25_000, help="that the least app sends")
    parser.add_argument("--json", action="store_true", help="the only form there is")
    given = parser.parse_args()
    show(
        "deployment",
        {
            f"gateways_{count}": measure(count, given.rounds, given.repeats, given.weights)
            for count in map(int, given.gateways.split(","))
        },
    )


if __name__ == "__main__":
    main()
