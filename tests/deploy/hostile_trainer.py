"""A warm trainer that lies: ``python hostile_trainer.py FOLDER``, in place of ``clients.warm``.

What its gateway sends is changed in round 2 to NaN, in round 3 to too few weights, in round 4
to a hundred times as much.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clients.gateway import Gateway
from clients.warm.serving import serve
from fednids.messages.records import WEIGHTS

LIES: Mapping[int, Callable[[Any, Any], Any]] = {
    2: lambda weights, start: np.full_like(weights, np.nan),
    3: lambda weights, start: weights[:7],
    4: lambda weights, start: start + 100 * (weights - start),
}


def main() -> None:
    honest = Gateway.train

    def train(self: Gateway, arrays: Any, task: Any) -> Any:
        update, encoded = honest(self, arrays, task)
        lie = LIES.get(task.server_round)
        return update, encoded if lie is None else {WEIGHTS: lie(encoded[WEIGHTS], arrays[WEIGHTS])}

    Gateway.train = train  # type: ignore[method-assign]
    serve(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
