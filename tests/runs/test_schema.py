"""The published JSON schemas, and results of real runs against them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from runs_factory import small_config

from fednids.experiment.execution import execute
from fednids.runs.records import ResultRecord, RoundRecord, json_schemas

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"


def unknown(model: BaseModel, path: str = "") -> Iterator[str]:
    """Name keys that the schema does not document."""
    yield from (f"{path}{name}" for name in model.model_extra or {})
    for name in type(model).model_fields:
        value = getattr(model, name)
        inside = value.values() if isinstance(value, dict) else value
        for each in inside if isinstance(value, dict | list) else [value]:
            if isinstance(each, BaseModel):
                yield from unknown(each, f"{path}{name}.")


@pytest.mark.parametrize("name", ["result-2.json", "rounds-2.json"])
def test_what_is_published_is_what_the_models_say(name: str) -> None:
    """To renew them: ``python -m fednids.runs.records docs/schema``."""
    assert json.loads((SCHEMAS / name).read_text()) == json_schemas()[name]
    Draft202012Validator.check_schema(json_schemas()[name])


RUNS: list[tuple[str, dict[str, object]]] = [
    ("centralised", {}),
    ("local", {"model__classes": "binary"}),
    ("federated", {"clock__deadline": 3.0, "clock__speed_spread": 2.0, "availability__late": 0.3}),
    ("federated", {"attack__kind": "label-flip", "attack__share": 0.4}),
    ("federated", {"data__validation_share": 0.2, "run__false_alarms": 0.05}),
    ("federated", {"strategy__name": "ifca"}),
    ("federated", {"data__unseen": "DoS", "partition__unseen_gateways": 1}),
    ("federated", {"strategy__name": "fltrust"}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "settings"), RUNS, ids=[f"{k} {s}" for k, s in RUNS])
def test_results_follow_the_schema_and_have_no_key_beside_it(
    kind: str, settings: dict[str, object], tmp_path: Path
) -> None:
    config = small_config(**settings)
    execute(kind, config, tmp_path / "run", baselines=kind == "centralised")
    found = json.loads((tmp_path / "run" / "result.json").read_text())
    Draft202012Validator(json_schemas()["result-2.json"]).validate(found)
    assert list(unknown(ResultRecord.model_validate(found))) == []
    lines = (tmp_path / "run" / "rounds.jsonl").read_text().splitlines()
    for line in lines:
        Draft202012Validator(json_schemas()["rounds-2.json"]).validate(json.loads(line))
        assert list(unknown(RoundRecord.model_validate_json(line))) == []
    assert [json.loads(line) for line in lines] == found["rounds"]
    assert found["provenance"]["machine"]["processors"] >= 1
