"""encode: a fixed function of one flow, free of quirks and of identifiers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from flow_factory import FEATURES, Version, column_values, feature_names, random_table
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fednids.datasets.netflow import DURATION, WRAP
from fednids.datasets.nf_bot_iot import NF_BOT_IOT

VERSIONS: tuple[Version, ...] = ("v1", "v2")
Columns = dict[str, NDArray[Any]]


def columns_of(version: Version, n: int = 60, seed: int = 3) -> Columns:
    table = random_table(np.random.default_rng(seed), n, version)
    return {name: table.numbers[name] for name in feature_names(version)}


def rows_of(columns: Columns, rows: list[int] | NDArray[Any]) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


def encoded(**changes: float | list[float]) -> dict[str, NDArray[Any]]:
    """Encode flows that differ from an empty one in ``changes``; columns by feature."""
    n = max([len(np.atleast_1d(value)) for value in changes.values()], default=1)
    columns = {name: np.zeros(n) for name in feature_names("v1")}
    columns |= {name: np.broadcast_to(value, n).astype(float) for name, value in changes.items()}
    names, values = NF_BOT_IOT.encode(columns)
    return dict(zip(names, values.T, strict=True))


class TestOneFlowAtATime:
    @settings(max_examples=40)
    @given(
        rows=st.lists(st.integers(0, 59), min_size=1, max_size=80),
        version=st.sampled_from(VERSIONS),
    )
    def test_commutes_with_taking_any_rows_in_any_order(
        self, rows: list[int], version: Version
    ) -> None:
        columns = columns_of(version)
        np.testing.assert_array_equal(
            NF_BOT_IOT.encode(rows_of(columns, rows))[1],
            NF_BOT_IOT.encode(columns)[1][rows],
            strict=True,
        )

    @pytest.mark.parametrize("version", VERSIONS)
    def test_strides_do_not_matter(self, version: Version) -> None:
        columns = columns_of(version)
        strided = {name: np.repeat(values, 3)[::3] for name, values in columns.items()}
        np.testing.assert_array_equal(NF_BOT_IOT.encode(strided)[1], NF_BOT_IOT.encode(columns)[1])

    @pytest.mark.parametrize("version", VERSIONS)
    def test_order_of_the_columns_does_not_matter(self, version: Version) -> None:
        columns = columns_of(version)
        names, values = NF_BOT_IOT.encode(dict(reversed(columns.items())))
        assert names == NF_BOT_IOT.encode(columns)[0]
        np.testing.assert_array_equal(values, NF_BOT_IOT.encode(columns)[1])

    def test_leaves_the_columns_as_they_were(self) -> None:
        columns = columns_of("v1")
        before = {name: values.copy() for name, values in columns.items()}
        NF_BOT_IOT.encode(columns)
        for name, values in columns.items():
            np.testing.assert_array_equal(values, before[name])


class TestShape:
    @pytest.mark.parametrize(("version", "features"), [("v1", 86), ("v2", 86 + 2 * 8 + 29)])
    def test_names_and_dtype(self, version: Version, features: int) -> None:
        names, values = NF_BOT_IOT.encode(columns_of(version))
        assert len(set(names)) == len(names) == features
        assert values.shape == (60, features)
        assert values.dtype == np.float32

    def test_features_of_v1_are_the_same_in_v2(self) -> None:
        wide = columns_of("v2")
        names, values = NF_BOT_IOT.encode({name: wide[name] for name in feature_names("v1")})
        all_names, all_values = NF_BOT_IOT.encode(wide)
        places = [all_names.index(name) for name in names]
        np.testing.assert_array_equal(values, all_values[:, places])

    @pytest.mark.parametrize("version", VERSIONS)
    def test_every_column_matters(self, version: Version) -> None:
        columns = columns_of(version)
        for name, values in columns.items():
            other = values + 1 if name.endswith(("FLAGS", "PROTO")) else 2 * values + 1
            if name == "PROTOCOL":
                other = np.where(values == 6, 17.0, 6.0)
            changed = {**columns, name: other}
            differs = (NF_BOT_IOT.encode(changed)[1] != NF_BOT_IOT.encode(columns)[1]).any(axis=1)
            assert differs.all(), name

    @settings(max_examples=50)
    @given(data=st.data(), version=st.sampled_from(VERSIONS))
    def test_finite_and_without_a_warning_for_any_flow(
        self, data: st.DataObject, version: Version
    ) -> None:
        flow = {c.name: np.array([data.draw(column_values(c))]) for c in FEATURES[version]}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            values = NF_BOT_IOT.encode(flow)[1]
        assert np.isfinite(values).all()
        assert np.abs(values).max() < 2000

    def test_an_application_code_beyond_all_integers_is_no_error(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.isfinite(encoded(L7_PROTO=1e300)["l7_0"]).all()


class TestDuration:
    @pytest.mark.parametrize(
        ("wrapped", "length"),
        [
            (0, 0),
            (1, 1),
            (2_147_483, 2_147_483),
            (2_147_484, 2_147_483),
            (4_294_000, 967),
            (4_294_966, 1),
            (4_294_967, 0),
            (4_294_968, 0),
            (2**32, 0),
        ],
    )
    def test_known_lengths(self, wrapped: float, length: float) -> None:
        assert NF_BOT_IOT.column(DURATION).unwrapped(np.array([float(wrapped)])).tolist() == [
            length
        ]

    @given(length=st.integers(0, 2_147_483))
    @example(length=0)
    def test_undoes_the_wrapping_and_leaves_the_rest(self, length: int) -> None:
        values = np.array([float(length), WRAP - length])
        assert NF_BOT_IOT.column(DURATION).unwrapped(values).tolist() == [length, length]

    def test_wrapped_and_plain_differ_only_in_the_mark(self) -> None:
        found = encoded(**{DURATION: [967.0, WRAP - 967.0]})
        differing = {name for name, values in found.items() if values[0] != values[1]}
        assert differing == {"duration_wrapped"}

    def test_a_duration_of_zero_is_marked_even_against_a_wrapped_zero(self) -> None:
        found = encoded(**{DURATION: [0.0, WRAP, 5.0]})
        assert found["duration_zero"].tolist() == [1, 0, 0]
        assert found["duration_wrapped"].tolist() == [0, 1, 0]
        assert found["duration_log"].tolist()[:2] == [0, 0]

    def test_a_millisecond_shows_in_short_durations_and_not_in_long_ones(self) -> None:
        found = encoded(**{DURATION: [10.0, 11.0, 200_000.0, 200_001.0]})
        waves = np.array(
            [v for name, v in found.items() if name.startswith(("duration_sin", "duration_cos"))]
        )
        assert len(waves) == 22
        assert np.abs(waves[:, 0] - waves[:, 1]).max() > 0.5
        assert not waves[:, 2:].any()

    def test_the_shortest_period_is_four_milliseconds(self) -> None:
        found = encoded(**{DURATION: [0.0, 1.0, 2.0, 3.0, 4.0]})
        np.testing.assert_allclose(found["duration_sin_4"], [0, 1, 0, -1, 0], atol=1e-6)
        np.testing.assert_allclose(found["duration_cos_4"], [1, 0, -1, 0, 1], atol=1e-6)


class TestCodes:
    def test_flags_are_their_bits(self) -> None:
        codes = np.arange(256)
        found = encoded(TCP_FLAGS=codes.tolist())
        for bit in range(8):
            assert found[f"flag_{bit}"].tolist() == [code >> bit & 1 for code in codes.tolist()]

    def test_exactly_one_protocol_is_named(self) -> None:
        found = encoded(PROTOCOL=list(range(256)))
        named = np.array([found[name] for name in ("icmp", "tcp", "udp", "protocol_other")])
        assert named.sum(axis=0).tolist() == [1] * 256
        assert [int(np.flatnonzero(found[name])[0]) for name in ("icmp", "tcp", "udp")] == [
            1,
            6,
            17,
        ]
        assert found["protocol_other"].sum() == 253

    def test_an_application_is_its_masters_bits_and_whether_it_has_a_sub(self) -> None:
        found = encoded(L7_PROTO=[5.0, 5.126, 91.126, 255.0])
        masters = sum((found[f"l7_{bit}"] * 2**bit for bit in range(8)), np.zeros(4))
        assert masters.tolist() == [5, 5, 91, 255]
        assert found["l7_sub"].tolist() == [0, 1, 1, 0]

    def test_flags_of_v2_are_bits_too(self) -> None:
        columns = columns_of("v2")
        columns["CLIENT_TCP_FLAGS"] = np.full(60, 18.0)
        names, values = NF_BOT_IOT.encode(columns)
        bits = [values[0, names.index(f"client_tcp_flags_{bit}")] for bit in range(8)]
        assert bits == [0, 1, 0, 0, 1, 0, 0, 0]
        assert "client_tcp_flags_log" not in names


class TestSizes:
    def test_logarithms_and_balances(self) -> None:
        found = encoded(IN_BYTES=999.0, OUT_BYTES=9.0, IN_PKTS=4.0, OUT_PKTS=0.0)
        expected = {
            "bytes_in_log": np.log(1000),
            "bytes_out_log": np.log(10),
            "packets_in_log": np.log(5),
            "packets_out_log": 0.0,
            "packet_in_log": np.log1p(999 / 4),
            "packet_out_log": np.log(10),
            "bytes_balance": np.log(100),
            "packets_balance": np.log(5),
        }
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-6, err_msg=name)

    def test_a_byte_more_shows_in_the_waves(self) -> None:
        found = encoded(IN_BYTES=[60.0, 61.0], IN_PKTS=1.0)
        ends = np.array([found["bytes_in_sin_0.5"], found["bytes_in_cos_0.5"]])
        assert np.linalg.norm(np.diff(ends)) > 0.15

    def test_quantities_of_v2_are_logarithms(self) -> None:
        columns = columns_of("v2")
        names, values = NF_BOT_IOT.encode(columns)
        np.testing.assert_allclose(
            values[:, names.index("min_ttl_log")], np.log1p(columns["MIN_TTL"]), rtol=1e-6
        )
