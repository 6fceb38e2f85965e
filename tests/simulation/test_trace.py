"""Traces: what they mean, and one line for whatever is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednids.errors import ConfigError
from fednids.simulation.trace import RATES, ClientRates, Trace, read_trace

HEAD = "gateway,from_round,to_round"


def read(text: str | bytes, path: Path, gateways: int = 10) -> Trace:
    file = path / "trace.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_trace(file, gateways, 5)


def refused(text: str | bytes, path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, path)
    message = str(caught.value)
    assert message.startswith("expected ")
    assert message.endswith("; correct the file")
    assert len(message.splitlines()) == 1
    return message.replace(str(path / "trace.csv"), "FILE")


def rates(gateways: int, value: float = 1.0) -> ClientRates:
    return ClientRates(*(np.full(gateways, value) for _ in RATES))


class TestMeaning:
    def test_stays_include_both_rounds_and_may_be_for_good(self, tmp_path: Path) -> None:
        trace = read(f"{HEAD}\n2,2,3\n0,1,\n2,5,5\n", tmp_path, 3)
        found = [np.flatnonzero(trace.present(number)).tolist() for number in range(1, 8)]
        assert found == [[0], [0, 2], [0, 2], [0], [0, 2], [0], [0]]
        assert trace.present(10**6).tolist() == [True, False, False]

    def test_columns_in_any_order_with_spaces_marks_and_empty_lines(self, tmp_path: Path) -> None:
        text = "\ufeffspeed , to_round,gateway,from_round\r\n\r\n 5.5, 4 ,1 , 3\r\n,,0,2\r\n"
        trace = read(text, tmp_path, 2)
        assert trace.stays.tolist() == [[1, 3, 4], [0, 2, 10**9]]
        np.testing.assert_array_equal(trace.rates[:, 0], [5.5, np.nan])

    def test_speeds_hold_during_the_stay_and_empty_ones_are_the_settings(
        self, tmp_path: Path
    ) -> None:
        text = f"{HEAD},speed,up,down,latency\n1,1,2,50,,8,0\n1,3,4,60,3,,\n0,1,,,,,\n"
        trace, settings = read(text, tmp_path, 3), rates(3)
        first, later = trace.adjust(settings, 1), trace.adjust(settings, 3)
        assert first.speed.tolist() == [1, 50, 1]
        assert (first.up[1], first.down[1], first.latency[1]) == (1, 8, 0)
        assert (later.speed[1], later.up[1], later.down[1]) == (60, 3, 1)
        assert trace.adjust(settings, 5).speed.tolist() == [1, 1, 1]
        assert settings.speed.tolist() == [1, 1, 1]

    @given(
        stays=st.lists(
            st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(0, 4)), min_size=1,
            max_size=6,
        )
    )  # fmt: skip
    def test_against_a_slow_twin(self, stays: list[tuple[int, int, int]], tmp_path: Path) -> None:
        """Stays are read as sets of rounds, and refused exactly where two share one."""
        lines = [f"{k},{first},{first + more}" for k, first, more in stays]
        taken: dict[int, list[int]] = {k: [] for k in range(4)}
        for k, first, more in stays:
            taken[k] += range(first, first + more + 1)
        twice = any(len(set(rounds)) < len(rounds) for rounds in taken.values())
        if twice and any(first <= 5 for _, first, _ in stays):
            assert "share no round" in refused("\n".join([HEAD, *lines]), tmp_path)
            return
        if all(first > 5 for _, first, _ in stays):
            assert "begins in a round" in refused("\n".join([HEAD, *lines]), tmp_path)
            return
        trace = read("\n".join([HEAD, *lines]), tmp_path, 4)
        for number in range(1, 16):
            expected = [number in taken[k] for k in range(4)]
            assert trace.present(number).tolist() == expected


class TestFaults:
    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("10,1,2", "gateway from 0 to 9 in line 2"),
            ("-1,1,2", "gateway from 0 to 9 in line 2"),
            ("x,1,2", "got 'x'"),
            ("1.0,1,2", "got '1.0'"),
            ("²,1,2", "got '²'"),
            ("1,0,2", "from_round from 1 to 1000000000"),
            ("1,,2", "from_round from 1"),
            ("1,5,4", "to_round from 5 to 1000000000 in line 2"),
            ("1,1,99999999999999", "to_round from 1"),
            ("1,1", "3 values in line 2"),
            ("1,1,2,3", "3 values in line 2 of availability.trace, got 4"),
            ("1,2,4\n3,1,1\n1,4,6", "stays of gateway 1 that share no round"),
            ("1,2,\n1,4,6", "got one to the end and another from round 4"),
        ],
    )
    def test_a_wrong_line(self, line: str, told: str, tmp_path: Path) -> None:
        assert told in refused(f"{HEAD}\n{line}\n", tmp_path)

    @pytest.mark.parametrize("value", ["0", "-1", "fast", "nan", "inf", "1e10"])
    def test_a_wrong_speed(self, value: str, tmp_path: Path) -> None:
        message = refused(f"{HEAD},speed\n1,1,2,{value}\n", tmp_path)
        assert "expected speed " in message
        assert repr(value) in message

    def test_the_range_is_told(self, tmp_path: Path) -> None:
        assert refused(f"{HEAD},latency\n1,1,2,-0.5\n", tmp_path) == (
            "expected latency greater than or equal to 0 in line 2 of availability.trace, got "
            "'-0.5' in FILE; correct the file"
        )

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "gateway,from_round",
            f"{HEAD},sped",
            f"{HEAD},gateway",
            "gateway;from_round",
            "1,1,2",
        ],
    )
    def test_wrong_columns(self, header: str, tmp_path: Path) -> None:
        assert "columns gateway,from_round,to_round and any of speed" in refused(header, tmp_path)

    @pytest.mark.parametrize("content", [b"\xff\xfe", f'{HEAD}\n"1,2'.encode(), b"\x00"])
    def test_no_csv(self, content: bytes, tmp_path: Path) -> None:
        refused(content, tmp_path)

    def test_nobody(self, tmp_path: Path) -> None:
        for lines in ("", "3,6,9\n"):
            told = refused(f"{HEAD}\n{lines}", tmp_path)
            assert "expected a stay that begins in a round from 1 to 5" in told

    def test_a_missing_file_and_a_folder(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none.csv", tmp_path):
            with pytest.raises(ConfigError, match=r"a readable CSV file .*; correct the file"):
                read_trace(path, 3, 5)

    @given(content=st.binary(max_size=60) | st.text('0123456789,\n"x-', max_size=60))
    def test_any_bytes_are_read_or_refused(self, content: bytes | str, tmp_path: Path) -> None:
        head = f"{HEAD}\n".encode()
        text = head + (content.encode() if isinstance(content, str) else content)
        try:
            assert len(read(text, tmp_path).stays)
        except ConfigError:
            assert refused(text, tmp_path)
