"""Finished runs whose detectors can be compared: made on the same flows, split and plan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fednids.config import Config
from fednids.errors import ConfigError, RunError
from fednids.runs.folder import CONFIG, KINDS, MODEL, RESULT
from fednids.runs.job import MODELS

_CENTRALISED, _LOCAL, FEDERATED = KINDS


@dataclass(frozen=True)
class FinishedRun:
    """A run folder, as far as comparing goes.

    Attributes
    ----------
    path : Path
        The folder.
    kind : str
        The arm.
    config : Config
        Its settings.
    result : dict
        Its ``result.json``.
    """

    path: Path
    kind: str
    config: Config
    result: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> FinishedRun:
        """Read settings and result.

        Raises
        ------
        RunError
            It is no folder of a finished run.
        """
        try:
            result = json.loads((path / RESULT).read_text(encoding="utf-8"))
            config, kind = Config.resolve(file=path / CONFIG), result["kind"]
            found = result["partition"]["fingerprint"], result["data"]["sha256"], result["seed"]
            if kind not in KINDS or not all(found):
                raise ValueError(f"arm {str(kind)[:20]!r}")
        except (OSError, ValueError, KeyError, TypeError, ConfigError) as error:
            reason = " ".join(str(error).split())[:200]
            raise RunError(
                f"expected the folder of a finished run, got {path} ({reason}); name one with a "
                "result.json, or finish it with `fednids resume`"
            ) from None
        return cls(path, kind, config, result)

    @property
    def is_local(self) -> bool:
        """Whether it left one detector a gateway."""
        return self.kind == _LOCAL or self.result.get("judged") == "personal"

    @property
    def gateways(self) -> int:
        """Number of gateways."""
        return int(self.result["partition"]["gateways"])

    def models(self) -> list[Path]:
        """Give the files of its detectors, by partition id if there are several."""
        if self.is_local and self.gateways > 1:
            return [
                self.path / MODELS / f"gateway-{k:05d}.safetensors" for k in range(self.gateways)
            ]
        return [self.path / MODEL]

    def basis(self) -> dict[str, Any]:
        """Say what has to be equal in all runs, by its name for people."""
        data, noise = self.config.data, self.config.partition.noise
        noisy = self.result["partition"]["scheme"] == "noise"
        return {
            "flows (data sha256)": self.result["data"]["sha256"],
            "number of flows": self.result["data"]["flows"],
            "seed": self.result["seed"],
            "plan (partition fingerprint)": self.result["partition"]["fingerprint"],
            "data.split": data.split,
            "data.test_share": data.test_share,
            "data.features": data.features,
            "data.window": data.window,
            "model.classes": self.config.model.classes,
            "partition.noise": noise if noisy else None,
        }


def open_runs(paths: Sequence[Path]) -> list[FinishedRun]:
    """Open runs and put the local one last, if there is one.

    Raises
    ------
    RunError
        One is no finished run, two differ in flows, split or plan, or two are local.
    """
    runs = [FinishedRun.open(path) for path in paths]
    first = runs[0]
    for other in runs[1:]:
        ours, theirs = first.basis(), other.basis()
        for name, value in ours.items():
            if value != theirs[name]:
                raise RunError(
                    f"expected runs of the same {name}, got {_short(value)} in {first.path} and "
                    f"{_short(theirs[name])} in {other.path}; name runs of one plan and one seed"
                )
    if sum(run.is_local for run in runs) > 1:
        raise RunError(
            "expected one local run at most, got several; name one, and any number of others"
        )
    return sorted(runs, key=lambda run: run.is_local)


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) > 40 else text
