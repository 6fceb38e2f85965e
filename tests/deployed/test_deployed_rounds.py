"""Gateways with files of their own, a server without flows, and the simulated twin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import Context, RecordDict
from site_factory import NAMES, TRAINING, deployed, export, place, site_grid

from clients.local_data import OwnFlows
from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.errors import ConfigError, DataError, FederationError
from fednids.experiment.execution import execute
from fednids.networks.model_file import load_detector
from server import app
from server.replies import error_reason


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("flows") / "all")


@pytest.fixture
def no_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to open the flows of all gateways: a server has none."""

    def refuse(config: Config) -> FederatedDataset:
        raise AssertionError("the server opened flows")

    monkeypatch.setattr(FederatedDataset, "open", refuse)


def lead(out: Path, places: list[dict[str, Any]], **settings: Any) -> dict[str, Any]:
    """Run the ServerApp as a SuperLink would, over gateways in this process."""
    run_config = {**deployed(**settings), "out": str(out)}
    grid = site_grid(places, run_config)
    app.main(grid, Context(7, 1, {}, RecordDict(), run_config))
    result: dict[str, Any] = json.loads((out / "result.json").read_text())
    return result


def places_of(files: Path, state: Path) -> list[dict[str, Any]]:
    """Give node configs in an order that is not that of the names."""
    return [place(name, files / f"{name}.parquet", state) for name in reversed(NAMES)]


def weights_of(out: Path) -> np.ndarray:
    return load_detector(out / "model.safetensors").weights


def same_rounds(found: Mapping[str, Any], twin: Mapping[str, Any]) -> None:
    for key in ("final", "final_novel", "majority", "majority_novel", "judged", "model"):
        assert found[key] == twin[key], key
    for mine, theirs in zip(found["rounds"], twin["rounds"], strict=True):
        for key in ("train", "test", "participants", "failures"):
            assert mine[key] == theirs[key], key


@pytest.mark.usefixtures("no_flows")
def test_a_deployment_gives_what_its_twin_gives(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = lead(tmp_path / "run", places_of(files, tmp_path / "state"))
    assert found["data"]["path"] is None
    assert found["data"]["sha256"] is None
    assert found["partition"]["fingerprint"] is None
    monkeypatch.undo()
    config = Config.resolve({**TRAINING, "data.path": str(files), "run.engine": "inprocess"})
    twin = execute("federated", config, tmp_path / "twin").to_json()
    np.testing.assert_allclose(
        weights_of(tmp_path / "run"), weights_of(tmp_path / "twin"), rtol=0, atol=1e-6
    )
    same_rounds(found, twin)
    shared = ("flows", "train_flows", "test_flows", "novel_flows", "features", "synthetic")
    assert {key: found["data"][key] for key in shared} == {key: twin["data"][key] for key in shared}
    shared = ("names", "scheme", "gateways", "skew")
    assert [found["partition"][k] for k in shared] == [twin["partition"][k] for k in shared]
    assert found["partition"]["names"] == list(NAMES)
    assert "virtual_seconds" not in found["rounds"][0]
    assert (tmp_path / "run" / "gateways.png").exists()


@pytest.mark.slow
def test_a_recalibrated_deployment_gives_what_its_twin_gives(files: Path, tmp_path: Path) -> None:
    more: dict[str, Any] = {"strategy.name": "classwise", "federation.recalibrate": "head"}
    lead(tmp_path / "run", places_of(files, tmp_path / "state"), **more)
    settings = {**TRAINING, **more, "data.path": str(files), "run.engine": "inprocess"}
    execute("federated", Config.resolve(settings), tmp_path / "twin")
    np.testing.assert_allclose(
        weights_of(tmp_path / "run"), weights_of(tmp_path / "twin"), rtol=0, atol=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["scaffold", "fedper"])
def test_strategies_with_a_memory_give_what_the_twin_gives(
    files: Path, tmp_path: Path, strategy: str
) -> None:
    more: dict[str, Any] = {"strategy.name": strategy, "model.dense": 8}
    found = lead(tmp_path / "run", places_of(files, tmp_path / "state"), **more)
    settings = {**TRAINING, **more, "data.path": str(files), "run.engine": "inprocess"}
    twin = execute("federated", Config.resolve(settings), tmp_path / "twin").to_json()
    same_rounds(found, twin)
    assert list((tmp_path / "state").rglob("round-*.safetensors"))
    assert not (tmp_path / "run" / "checkpoint" / "gateways").exists()


class TestWhoIsRefused:
    def refusal(self, tmp_path: Path, places: list[dict[str, Any]], **settings: Any) -> str:
        with pytest.raises((FederationError, ConfigError)) as caught:
            lead(tmp_path / "run", places, **settings)
        message = str(caught.value)
        assert len(message.splitlines()) == 1
        assert ";" in message
        assert not (tmp_path / "run").exists()
        return message

    def test_one_without_its_file(self, files: Path, tmp_path: Path) -> None:
        places = places_of(files, tmp_path)
        places[1]["data"] = str(tmp_path / "gone.csv")
        message = self.refusal(tmp_path, places)
        assert "gateway barn" in message
        assert "gone.csv" in message

    def test_one_whose_file_is_empty(self, files: Path, tmp_path: Path) -> None:
        places = places_of(files, tmp_path)
        (tmp_path / "none.csv").write_bytes(b"")
        places[0]["data"] = str(tmp_path / "none.csv")
        message = self.refusal(tmp_path, places)
        assert "gateway cellar" in message
        assert "empty file" in message

    def test_one_whose_file_lacks_columns(self, files: Path, tmp_path: Path) -> None:
        places = places_of(files, tmp_path)
        (tmp_path / "odd.csv").write_text("IN_BYTES,Attack\n1,Benign\n")
        places[0]["data"] = str(tmp_path / "odd.csv")
        message = self.refusal(tmp_path, places)
        assert "gateway cellar" in message
        assert "odd.csv" in message

    def test_one_without_a_file_or_a_name(self, files: Path, tmp_path: Path) -> None:
        for key, words in (("data", "gateway cellar: expected a flow file"), ("gateway", "NAME")):
            places = places_of(files, tmp_path)
            del places[0][key]
            assert words in self.refusal(tmp_path, places)

    def test_one_that_is_not_on_the_list(self, files: Path, tmp_path: Path) -> None:
        places = [*places_of(files, tmp_path), place("dairy", files / "barn.parquet", tmp_path)]
        message = self.refusal(tmp_path, places)
        assert "got dairy" in message
        assert "attic, barn, cellar" in message

    def test_two_with_one_name(self, files: Path, tmp_path: Path) -> None:
        places = [*places_of(files, tmp_path), place("barn", files / "attic.parquet", tmp_path)]
        assert "one node for gateway barn" in self.refusal(tmp_path, places)

    def test_a_missing_one(self, files: Path, tmp_path: Path) -> None:
        message = self.refusal(tmp_path, places_of(files, tmp_path)[:2])
        assert "none of the name attic" in message

    def test_another_version_of_fednids(
        self, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("server.participants.misfit", _as_seen_by_version_9)
        message = self.refusal(tmp_path, places_of(files, tmp_path))
        assert "gateway cellar: expected fednids 9, got " in message

    def test_a_server_of_another_version_is_refused_by_the_gateway(
        self, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("server.participants.__version__", "9")
        message = self.refusal(tmp_path, places_of(files, tmp_path))
        assert "gateway cellar: expected a server with fednids " in message
        assert ", got 9;" in message

    def test_one_that_cannot_write_what_it_remembers(self, files: Path, tmp_path: Path) -> None:
        (tmp_path / "state").write_text("no folder")
        message = self.refusal(tmp_path, places_of(files, tmp_path / "state"))
        assert "gateway cellar: " in message
        assert "make room there" in message

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("attack.kind", "sign-flip"),
            ("availability.pattern", "random"),
            ("clock.deadline", 3.0),
            ("data.path", "flows.csv"),
            ("partition.gateways", 4),
            ("partition.scheme", "iid"),
            ("strategy.name", "fltrust"),
        ],
    )
    def test_settings_of_a_simulation(
        self, files: Path, tmp_path: Path, name: str, value: object
    ) -> None:
        run_config = {**deployed(), name: value, "out": str(tmp_path / "run")}
        grid = site_grid(places_of(files, tmp_path), run_config)
        with pytest.raises(ConfigError, match=str(value)):
            app.main(grid, Context(7, 1, {}, RecordDict(), run_config))
        assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_all_arms_take_a_folder_and_engines_give_the_same_bits(files: Path, tmp_path: Path) -> None:
    def train(kind: str, engine: str) -> bytes:
        given = {**TRAINING, "data.path": str(files), "run.engine": engine, "run.workers": 2}
        out = tmp_path / f"{kind}-{engine}"
        result = execute(kind, Config.resolve({**given, "federation.rounds": 1}), out).to_json()
        assert result["partition"]["names"] == list(NAMES)
        return weights_of(out).tobytes() if kind == "federated" else b""

    train("local", "inprocess")
    train("centralised", "inprocess")
    assert train("federated", "inprocess") == train("federated", "processes")


def _as_seen_by_version_9(found: Any, config: Config) -> str | None:
    from fednids.messages import card as site_card

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site_card, "__version__", "9")
        return site_card.misfit(found, config)


@pytest.mark.parametrize("going_on", [False, True])
def test_a_run_that_goes_on_needs_the_flows_that_it_began_with(
    tmp_path: Path, going_on: bool
) -> None:
    folder = tmp_path / "state"
    OwnFlows("barn", tmp_path / "flows.csv", "aa", folder).begin(resumed=False)
    (folder / "kept").touch()
    changed = OwnFlows("barn", tmp_path / "flows.csv", "bb", folder)
    with pytest.raises(DataError, match=r"flows.csv as it was when the run began.*;"):
        changed.check()
    if going_on:
        with pytest.raises(DataError, match="as it was"):
            changed.begin(resumed=True)
    else:
        changed.begin(resumed=False)
        changed.check()
    assert (folder / "kept").exists() == going_on


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (
            "<class 'fednids.errors.DataError'>:<'gateway a: got\nnone'>",
            "DataError: gateway a: got none",
        ),
        ("Node\nUnavailable", "Node Unavailable"),
    ],
)
def test_flowers_reasons_are_one_line(reason: str, shown: str) -> None:
    assert error_reason(reason) == shown


@pytest.mark.slow
def test_flows_that_change_in_mid_run_are_a_named_failure(files: Path, tmp_path: Path) -> None:
    from server.rounds import Federation

    places = places_of(files, tmp_path / "state")
    moving = tmp_path / "moving.parquet"
    moving.write_bytes((files / "barn.parquet").read_bytes())
    places[1]["data"] = str(moving)
    run_config = {**deployed(), "out": str(tmp_path / "run")}
    seen = []

    class Observer:
        def round_ended(self, ended: Any, weights: Any) -> None:
            seen.append(ended)
            moving.write_bytes((files / "attic.parquet").read_bytes())

    grid = site_grid(places, run_config)
    Federation(grid, Config.of_run(run_config), [Observer()]).run()
    assert not seen[0].failures
    assert {f.partition for f in seen[1].failures} == {1}
    assert all(f.reason.startswith("barn: ") for f in seen[1].failures)
    assert "as it was when the run began" in seen[1].failures[0].reason
