"""A whole audit: silent on clean flows, the same twice, plain in JSON, needs no framework."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from audit_factory import clean_table, evidence
from real_data import real_file

from fednids.audit.checks import CHECKS, Severity
from fednids.audit.evidence import gather
from fednids.audit.report import audit
from fednids.config import DataConfig


def noise(seed: int, n: int) -> dict[str, object]:
    """Columns that nobody knows and that tell nothing: few values, many, one a flow, text."""
    rng = np.random.default_rng([seed, 5])
    return {
        "CODE": rng.integers(5, size=n),
        "REAL": rng.normal(size=n),
        "UNIQUE": [f"flow-{i}" for i in rng.permutation(n)],
        "NAME": rng.choice(["a", "b", "c"], n),
    }


@pytest.mark.parametrize(("seed", "shift"), [(1, 0.0), (2, 0.6)])
def test_clean_flows_leave_nothing_to_say_but_which_feature_is_strongest(
    seed: int, shift: float
) -> None:
    table = clean_table(seed, shift=shift)
    report = audit(evidence(table, noise(seed, len(table)), seed), seed)
    said = [(check, f.severity) for check, f in report.findings if check != "imbalance"]
    assert said == ([("determining", Severity.NOTE)] if shift else [])


@pytest.mark.slow
def test_clean_flows_stay_clean_over_many_seeds() -> None:
    """Six checks at 1 % each: that 12 of 60 seeds find anything has a chance below 1 in 1,000."""
    found = 0
    for seed in range(60):
        table = clean_table(seed, 800, shift=0.0)
        report = audit(evidence(table, noise(seed, 800), seed), seed)
        checks = {check for check, _ in report.findings} - {"imbalance", "rare"}
        assert not report.count(Severity.LEAK)
        found += bool(checks)
    assert found < 12


def test_the_same_twice_and_another_seed_draws_otherwise() -> None:
    found = evidence(clean_table(4, 400, shift=1.0))
    assert audit(found, 3) == audit(found, 3)
    determining = CHECKS["determining"]
    first, second = (determining(found, np.random.default_rng(seed)) for seed in (3, 4))
    assert first != second


def test_every_finding_is_whole_and_plain_json_and_the_worst_comes_first() -> None:
    table, told = clean_table(5, 600), []
    report = audit(evidence(table, {"CLASS": table.attack, "ONE": np.ones(600)}), 1, told.append)
    assert told == list(CHECKS)
    order = [list(Severity).index(finding.severity) for _, finding in report.findings]
    assert order == sorted(order)
    plain = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert plain["leaks"] == report.count(Severity.LEAK) == 1
    assert plain["findings"][0]["subject"] == "CLASS"
    for each in plain["findings"]:
        assert each["check"] in CHECKS
        assert all(each[word] for word in ("measure", "text", "null", "advice"))
        assert isinstance(each["number"], int | float)


@pytest.mark.parametrize("classes", [1, 2])
def test_files_of_one_or_two_classes_can_be_audited(classes: int) -> None:
    table = clean_table(7, 600)
    some = table.take(np.flatnonzero(table.attack < classes))
    report = audit(evidence(some), 1)
    assert not report.count(Severity.LEAK)


@pytest.mark.parametrize("n", [12, 40])
def test_tiny_files_can_be_audited(n: int) -> None:
    given = evidence(clean_table(8, n))
    for check in CHECKS.values():
        found = check(given, np.random.default_rng(1))
        assert Severity.LEAK not in [each.severity for each in found]


def test_it_needs_no_framework() -> None:
    code = "import json, sys, fednids.audit.report; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"mindspore", "flwr", "typer"} & set(json.loads(done.stdout))


@pytest.mark.slow
def test_the_real_sample() -> None:
    data = DataConfig(path=str(real_file("NF-BoT-IoT-v2-sample.csv.gz")))
    found, _ = gather(data, 1)
    report = audit(found, 1)
    by_check = dict(report.findings)
    assert report.count(Severity.LEAK) == 1
    assert by_check["duplicates"].severity is Severity.LEAK
    assert by_check["duplicates"].number == pytest.approx(0.983, abs=0.002)
    assert "372 vectors" in by_check["conflicts"].text
    assert by_check["rare"].number == 5
    assert by_check["imbalance"].number == pytest.approx(0.599, abs=0.001)
    assert "order" not in by_check
