"""What gateways remember and keep to themselves: over engines, after a stop, on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from flwr.app import ArrayRecord, RecordDict
from runs_factory import small_config
from safetensors.numpy import load_file, save_file

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.experiment import arms
from fednids.experiment.execution import execute, resume
from fednids.experiment.root import root_windows
from fednids.runs.folder import RunFolder
from fednids.runs.layout import MODEL, MODELS, memories
from fednids.runs.rounds import Outcome, Round
from fednids.simulation.engines.base import Clients
from fednids.studies.cross import cross_runs

REMEMBERING = ("scaffold", "feddyn", "fedper", "ditto")
PERSONAL = ("fedper", "ditto", "ifca")
slow = pytest.mark.slow


def tiny(name: str, **changes: object) -> Config:
    base = {
        "partition__gateways": 4, "partition__alpha": 2.0, "federation__rounds": 3,
        "strategy__name": name, "run__engine": "inprocess", "model__channels": "4",
        "model__hidden": 4, "data__flows": 700,
    }  # fmt: skip
    return small_config(**{**base, **changes})


def led(config: Config, out: Path) -> tuple[list[bytes], Outcome]:
    """Train for real; give the bytes of all that came of it."""
    found = arms.federated(config, FederatedDataset.open(config), [], None, out)
    whole = [] if found.overall is None else [found.overall.tobytes()]
    return [*(weights.tobytes() for weights in found.weights), *whole], found


@slow
@pytest.mark.parametrize("name", [*REMEMBERING, "ifca", "fltrust"])
def test_all_engines_give_the_same_bits(name: str, tmp_path: Path) -> None:
    here = led(tiny(name), tmp_path / "here")[0]
    spread = tiny(name, run__engine="processes", run__workers=2)
    assert led(spread, tmp_path / "spread")[0] == here


@slow
@pytest.mark.parametrize("name", ["scaffold", "fedper", "ditto", "ifca"])
def test_stacks_train_what_gateways_train_alone(name: str, tmp_path: Path) -> None:
    changes = {"partition__scheme": "iid", "federation__rounds": 2}
    alone, stacked = (
        led(tiny(name, train__stack=members, **changes), tmp_path / str(members))[1]
        for members in (1, 4)
    )
    for one, other in zip(alone.weights, stacked.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)


class Stop:
    """Presses Ctrl-C in a round before anything of it is written."""

    def round_ended(self, ended: Round, weights: object) -> None:
        if ended.number == 2:
            raise KeyboardInterrupt


@slow
@pytest.mark.parametrize("name", ["ditto", *REMEMBERING[:3]])
def test_what_an_interrupted_round_left_is_not_remembered(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when gateways have round 2 behind them, and the checkpoint has not."""
    config = tiny(name)
    execute("federated", config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        write = RunFolder.round_ended

        def stopping(self: RunFolder, ended: Round, weights: list[np.ndarray]) -> None:
            Stop().round_ended(ended, weights)
            write(self, ended, weights)

        patch.setattr(RunFolder, "round_ended", stopping)
        with pytest.raises(Exception, match="fednids resume"):
            execute("federated", config, tmp_path / "cut")
    newer = sorted(memories(tmp_path / "cut").rglob("round-000002.safetensors"))
    assert len(newer) == 4
    for file in newer:
        save_file({k: np.full_like(a, 9) for k, a in load_file(file).items()}, file)
    resume(tmp_path / "cut")
    models = sorted((tmp_path / "whole").glob("**/model*/*.safetensors"))
    models += [tmp_path / "whole" / MODEL] if (tmp_path / "whole" / MODEL).exists() else []
    assert models
    for model in models:
        twin = tmp_path / "cut" / model.relative_to(tmp_path / "whole")
        assert model.read_bytes() == twin.read_bytes()


@cache
def fedavg(**changes: object) -> bytes:
    config = tiny("fedavg", **changes)
    return arms.federated(config, FederatedDataset.open(config), [], None).weights[0].tobytes()


class TestIdentities:
    @slow
    def test_ifca_of_one_cluster_is_fedavg(self, tmp_path: Path) -> None:
        found = led(tiny("ifca", strategy__clusters=1), tmp_path)[1]
        assert found.overall is not None
        assert {each.tobytes() for each in [*found.weights, found.overall]} == {fedavg()}

    @slow
    def test_dittos_global_detector_is_fedavgs(self, tmp_path: Path) -> None:
        found = led(tiny("ditto"), tmp_path)[1]
        assert found.overall is not None
        assert found.overall.tobytes() == fedavg()
        assert len({each.tobytes() for each in found.weights}) == 4

    @slow
    def test_one_step_of_scaffold_is_one_of_fedavg(self, tmp_path: Path) -> None:
        once = {"train__batch_size": 512, "federation__rounds": 1}
        ours = led(tiny("scaffold", **once), tmp_path)[1].weights[0]
        theirs = np.frombuffer(fedavg(**once), np.float32)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)

    @slow
    def test_fednova_of_equal_steps_is_fedavg(self, tmp_path: Path) -> None:
        ours = led(tiny("fednova", train__batch_size=512), tmp_path)[1].weights[0]
        theirs = np.frombuffer(fedavg(train__batch_size=512), np.float32)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


class TestPersonalRuns:
    @pytest.mark.parametrize(
        "name", ["fedper", *(pytest.param(n, marks=slow) for n in PERSONAL[1:])]
    )
    def test_leave_each_gateway_the_detector_that_it_was_judged_by(
        self, name: str, tmp_path: Path
    ) -> None:
        result = execute("federated", tiny(name, federation__rounds=2), tmp_path / "run").to_json()
        assert result["judged"] == "personal"
        assert len(list((tmp_path / "run" / MODELS).iterdir())) == 4
        assert (tmp_path / "run" / MODEL).exists() == (name == "ditto")
        at_home = cross_runs([tmp_path / "run"]).local[range(4), range(4)]
        np.testing.assert_array_equal(at_home.sum(axis=0), result["final"]["confusion"])

    @slow
    @pytest.mark.parametrize("name", [*PERSONAL, "scaffold", "fltrust"])
    @pytest.mark.parametrize("up", ["int8", "topk"])
    def test_bear_every_encoding(self, name: str, up: str, tmp_path: Path) -> None:
        config = tiny(name, wire__up=up, wire__down="int8", wire__keep=0.3)
        result = execute("federated", config, tmp_path / "run").to_json()
        assert not any(entry["failures"] for entry in result["rounds"])
        if result["judged"] == "personal":
            at_home = cross_runs([tmp_path / "run"]).local[range(4), range(4)]
            np.testing.assert_array_equal(at_home.sum(axis=0), result["final"]["confusion"])


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> list[RecordDict]:
    """Everything that crosses the wire, in both directions."""
    seen: list[RecordDict] = []
    answer = Clients.answer

    def noting(self: Clients, asked):  # type: ignore[no-untyped-def]
        seen.extend(message.content for message, _ in asked)
        replies = answer(self, asked)
        seen.extend(reply.content for reply in replies)
        return replies

    monkeypatch.setattr(Clients, "answer", noting)
    return seen


def sent(contents: list[RecordDict]) -> Iterator[np.ndarray]:
    for content in contents:
        for record in content.values():
            if isinstance(record, ArrayRecord):
                yield from (array.numpy() for array in record.values())


def test_personal_layers_never_cross_the_wire(tmp_path: Path, wire: list[RecordDict]) -> None:
    found = led(tiny("fedper"), tmp_path)[1]
    base = found.architecture.layout.base_size(1)
    assert {len(array) for array in sent(wire)} == {base}
    crossed = b"".join(array.tobytes() for array in sent(wire))
    own = [load_file(file)["layers"] for file in memories(tmp_path).rglob("*.safetensors")]
    assert len(own) == 4 * 3
    assert len({layers.tobytes() for layers in own}) == len(own)
    for layers in own:
        assert not any(number.tobytes() in crossed for number in layers)


@slow
def test_dittos_personal_detectors_never_cross_the_wire(
    tmp_path: Path, wire: list[RecordDict]
) -> None:
    found = led(tiny("ditto"), tmp_path)[1]
    crossed = {array.tobytes() for array in sent(wire)}
    assert not crossed & {weights.tobytes() for weights in found.weights}


class TestRootSet:
    def test_has_every_class_and_windows_as_gateways_have_them(self) -> None:
        config = tiny("fltrust")
        fleet, length = FederatedDataset.open(config), config.data.window
        trained = fleet.labels[~fleet.split.test]
        counts = np.bincount(trained, minlength=5)
        offsets, known = np.arange(1 - length, 1), set()
        for k in range(fleet.gateways):
            windows = fleet.training(k)
            whole = windows.vectors(np.arange(len(windows))[:, None], offsets)
            known |= {(*row, int(y)) for row, y in zip(whole.tolist(), windows.labels, strict=True)}
        for count in (5, 60, 10**6):
            rng = np.random.default_rng(3)
            found = root_windows(fleet, count, length=length, rng=rng)
            assert len(found) == min(count, len(trained))
            support = np.bincount(found.labels, minlength=5)
            assert ((support > 0) == (counts > 0)).all()
            assert (np.abs(support - counts * len(found) / len(trained)) <= 5).all()
            rows = found.vectors(np.arange(len(found))[:, None], offsets)
            drawn = [(*row, int(y)) for row, y in zip(rows.tolist(), found.labels, strict=True)]
            assert set(drawn) <= known
