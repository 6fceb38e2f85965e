"""Cells and the runs behind them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from study_factory import STUDY, study

from fednids.errors import ConfigError
from fednids.flows.files.writing import write_flows
from fednids.flows.synthetic.synthesis import synthesise
from fednids.seeding import Stream, generator
from fednids.studies import study as module
from fednids.studies.study import expand, runs_of


def test_cells_are_the_product_and_runs_are_each_once(tmp_path: Path) -> None:
    """2 alphas x 2 strategies x 2 seeds of three arms; what an arm cannot tell apart is one."""
    cells = expand(study(tmp_path))
    assert len(cells) == 3 * 2 * 2 * 2
    arms = Counter(run.arm for run in runs_of(cells))
    assert arms == {"centralised": 2, "local": 4, "federated": 8}


def test_a_scheme_without_alpha_is_run_once_for_all_alphas(tmp_path: Path) -> None:
    text = 'title = "t"\narms = ["federated"]\nseeds = [1]\n[grid]\n'
    text += 'partition.scheme = ["iid", "dirichlet"]\npartition.alpha = [0.1, 1.0, 10.0]\n'
    assert len(runs_of(expand(study(tmp_path, text)))) == 1 + 3


def test_what_a_cell_does_not_read_is_said(tmp_path: Path) -> None:
    unread = {cell.arm: cell.unread for cell in expand(study(tmp_path))}
    assert unread["centralised"] == {"partition.alpha", "strategy.name"}
    assert unread["local"] == {"strategy.name"}
    assert unread["federated"] == frozenset()


def test_names_are_readable_and_do_not_depend_on_the_study(tmp_path: Path) -> None:
    whole = runs_of(expand(study(tmp_path)))
    names = [run.name for run in whole]
    assert len(set(names)) == len(names)
    assert any(n.startswith("federated-fedprox-dirichlet-k3-alpha0.1-seed2-") for n in names)
    smaller = STUDY.replace('["fedavg", "fedprox"]', '["fedprox"]').replace("[1, 2]", "[2]")
    grown = smaller.replace("[grid]", "[grid]\ntrain.epochs = [1, 2]")
    assert {run.name for run in runs_of(expand(study(tmp_path, smaller)))} < set(names)
    assert {run.name for run in runs_of(expand(study(tmp_path, grown)))} & set(names)


def test_variants_go_with_the_grid_and_win_over_settings(tmp_path: Path) -> None:
    text = 'title = "t"\narms = ["local", "federated"]\nseeds = [1]\n[settings]\n'
    text += "train.epochs = 5\n[grid]\npartition.alpha = [0.1, 1.0]\n"
    text += '[[variants]]\nname = "a"\nstrategy.name = "fedavg"\n'
    text += '[[variants]]\nname = "b"\nstrategy.name = "fedprox"\ntrain.epochs = 5\n'
    cells = expand(study(tmp_path, text))
    assert len(cells) == 8
    assert cells[0].place == (("variant", "a"), ("partition.alpha", 0.1))
    assert {cell.run.config.train.epochs for cell in cells} == {5}
    assert all(("variant" in cell.unread) == (cell.arm == "local") for cell in cells)
    assert len(runs_of(cells)) == 2 + 4


def test_a_flow_file_with_other_flows_is_another_run(tmp_path: Path) -> None:
    names = []
    for seed, place in ((1, "a.csv"), (2, "a.csv"), (2, "b.csv")):
        write_flows(
            synthesise(300, generator(seed, Stream.SYNTHETIC)), tmp_path / place, overwrite=True
        )
        module._checksum.cache_clear()
        given = study(tmp_path).changed({"data.path": str(tmp_path / place)})
        names.append(expand(given)[0].run.name)
    assert names[0] != names[1]
    assert names[1] == names[2]


def test_a_folder_of_flow_files_is_pinned_as_a_whole_and_has_no_setting_of_a_deal(
    tmp_path: Path,
) -> None:
    text = 'title = "t"\narms = ["federated"]\nseeds = [1]\n'
    files = tmp_path / "flows"
    files.mkdir()
    names = []
    for seed in (1, 2):
        write_flows(
            synthesise(300, generator(seed, Stream.SYNTHETIC)), files / "a.csv", overwrite=True
        )
        module._checksum.cache_clear()
        (run,) = runs_of(expand(study(tmp_path, text).changed({"data.path": str(files)})))
        names.append(run.name)
    assert names[0] != names[1]
    assert re.fullmatch(r"federated-classwise-files-k1-seed1-\w{8}", names[0])
    with pytest.raises(ConfigError, match="files, which has none of its own"):
        expand(study(tmp_path, text).changed({"data.path": str(files), "partition.alpha": 0.1}))


def test_a_setting_that_only_some_schemes_have_is_left_out_of_the_others(tmp_path: Path) -> None:
    text = 'title = "t"\narms = ["local"]\nseeds = [1]\n[settings]\npartition.spread = 2.0\n'
    text += '[grid]\npartition.scheme = ["iid", "dirichlet", "log-normal"]\n'
    cells = expand(study(tmp_path, text + "partition.alpha = [0.1, 1.0]\n"))
    unread = {dict(cell.place)["partition.scheme"]: cell.unread for cell in cells}
    alone = frozenset({"partition.alpha"})
    assert unread == {"iid": alone, "dirichlet": frozenset(), "log-normal": alone}
    names = [run.name.rpartition("-")[0] for run in runs_of(cells)]
    assert names == [
        "local-iid-k10-seed1",
        "local-dirichlet-k10-alpha0.1-seed1",
        "local-dirichlet-k10-alpha1.0-seed1",
        "local-log_normal-k10-spread2.0-seed1",
    ]
    with pytest.raises(ConfigError, match=r"got 'partition\.prefix'; it belongs to host-dirichlet"):
        expand(study(tmp_path, text).changed({"partition.prefix": 8}))
