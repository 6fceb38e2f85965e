"""A trainer in a process of its own that answers without a framework, and ClientApps for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flwr.app import Array, ArrayRecord, ConfigRecord, Context, RecordDict

from clients.warm.frames import Request
from fednids.errors import DataError

ROOT = Path(__file__).parents[1]
SERVE = (
    "from pathlib import Path; from clients.warm.serving import serve; import warm_factory; "
    "serve(Path({folder!r}), warm_factory.answer)"
)


def answer(kind: str, content: RecordDict, context: Context) -> RecordDict:
    """Tell which process has answered what; some kinds misbehave."""
    if kind == "wrong":
        raise DataError("expected flows,\ngot none")
    if kind == "broken":
        raise ZeroDivisionError("by zero")
    if kind == "die":
        os._exit(9)
    if kind == "slow":
        time.sleep(float(context.run_config["seconds"]))
        Path(str(context.run_config["done"])).touch()
    told = ConfigRecord({"process": os.getpid(), "kind": kind, "run": context.run_id})
    return RecordDict({**content, "told": told})


def asked(kind: str = "train", **run_config: float | str) -> Request:
    import numpy as np

    content = RecordDict({"arrays": ArrayRecord({"weights": Array(np.arange(4.0))})})
    return Request(kind, content, 7, 1001, {"partition-id": 1}, dict(run_config))


def start(folder: Path, command: list[str] | None = None) -> subprocess.Popen[str]:
    """Start a trainer and wait until it is ready."""
    code = ["-c", SERVE.format(folder=str(folder))]
    trainer = subprocess.Popen(
        [sys.executable, *(command or code)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert trainer.stdout is not None
    assert trainer.stdout.readline().startswith("warm trainer ready in ")
    return trainer


@contextmanager
def trainer_in(folder: Path) -> Iterator[subprocess.Popen[str]]:
    trainer = start(folder)
    try:
        yield trainer
    finally:
        trainer.kill()
        trainer.wait()
