"""``fednids evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fednids.cli import options
from fednids.cli.screen import print_json, say, show_scoring
from fednids.config import DataConfig


def evaluate_detector(
    model: Annotated[
        Path, typer.Option("--model", help="Folder of a finished run, or a model file.")
    ],
    data: Annotated[
        str, typer.Option("--data", help="Flow file: CSV, CSV.gz, zip or Parquet.", metavar="PATH")
    ],
    as_json: options.Json = False,
) -> None:
    """Evaluate a saved detector on other flows.

    All flows of the file are test flows.
    """
    from fednids.experiment.scoring import find_detector, score_flows
    from fednids.flows.source import load_flows

    detector = find_detector(model)
    flows = load_flows(DataConfig.model_validate({"path": data, "features": detector.columns}), 0)
    scoring = score_flows(detector, flows)
    if as_json:
        record = {"model": str(model), "data": data, "flows": scoring.flows}
        print_json({**record, **scoring.to_json()})
    else:
        say(f"{scoring.flows:,} flows of {data}, scored by {model}")
        if scoring.detector.classes != list(detector.classes):
            say("Some attacks have names that the detector has not: scored against benign alone.")
        show_scoring(scoring)
