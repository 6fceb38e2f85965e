"""``python hostile_trainer.py FOLDER``: a warm trainer, as ``clients.warm``, with false weights.

What its gateway sends is changed in round 2 to NaN, in round 3 to too few weights, in round 4
to a hundred times as much.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clients.client import FlowClient
from clients.warm.serving import serve
from fednids.messages.records import WEIGHTS

FALSE: Mapping[int, Callable[[Any, Any], Any]] = {
    2: lambda weights, start: np.full_like(weights, np.nan),
    3: lambda weights, start: weights[:7],
    4: lambda weights, start: start + 100 * (weights - start),
}


def main() -> None:
    honest = FlowClient.train

    def train(self: FlowClient, arrays: Any, task: Any) -> Any:
        update, encoded = honest(self, arrays, task)
        false = FALSE.get(task.server_round)
        return update, encoded if false is None else {
            WEIGHTS: false(encoded[WEIGHTS], arrays[WEIGHTS])
        }

    FlowClient.train = train  # type: ignore[method-assign]
    serve(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
