"""What the comparison of two checkouts takes for equal."""

from __future__ import annotations

import pytest

from benchmarks import same_bits


def test_numbers_are_found_by_path_and_text_is_left_out() -> None:
    value = {"loss": 0.5, "name": "a", "mcc": None, "failures": [], "counts": list(range(31))}

    found = dict(same_bits.flattened(value, "f:"))

    assert {key: found[key] for key in ("f:loss", "f:mcc", "f:failures/length")} == {
        "f:loss": 0.5, "f:mcc": None, "f:failures/length": 0,
    }  # fmt: skip
    assert len(found["f:counts"]) == 64
    assert "f:name" not in found


def test_the_first_difference_is_named() -> None:
    old = {"f:a": 1, "f:b": None, "f:c": 2}

    assert same_bits.difference(old, {"f:a": 1, "f:c": 2, "f:new": 3}) == ""
    assert same_bits.difference(old, {"f:a": 1, "f:b": 4}) == "f:b: None -> 4 (and 1 more)"


def test_what_follows_from_bytes_of_messages_may_differ_a_little() -> None:
    near, far = {"f:0/virtual_seconds": 1.71187}, {"f:0/virtual_seconds": 1.72}

    assert same_bits.difference({"f:0/virtual_seconds": 1.71188}, near) == ""
    assert same_bits.difference({"f:0/virtual_seconds": 1.71188}, far) != ""
    assert same_bits.difference({"f:0/loss": 1.71188}, {"f:0/loss": 1.71187}) != ""


@pytest.mark.parametrize(
    ("path", "compared"),
    [
        ("result.json:seconds/total", False),
        ("rounds.jsonl:0/bytes_up", False),
        ("rounds.jsonl:0/virtual_seconds", True),
        ("result.json:final/macro_f1", True),
    ],
)
def test_what_is_no_part_of_the_record(path: str, compared: bool) -> None:
    assert (same_bits.UNCOMPARED.search(path) is None) == compared


def test_only_a_refused_key_is_given_under_its_new_name() -> None:
    arguments = ["federation.strategy=krum", "federation.rounds=2"]
    line = "error: expected a known setting, got 'federation.strategy'"

    assert same_bits.refused(line, arguments) == {"federation.strategy"}
    assert same_bits.refused("error: got federation.strategy_x", arguments) == set()
    assert same_bits.renamed(arguments[0]) == "strategy.name=krum"
    assert same_bits.renamed(arguments[1]) == arguments[1]
