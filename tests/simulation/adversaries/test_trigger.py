"""Triggers: read with care, and put into raw flows before they are encoded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flow_factory import FEATURES, Version, feature_names, random_table
from hypothesis import given
from hypothesis import strategies as st

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.errors import ConfigError
from fednids.flows.prepared import PreparedFlows, prepare_table
from fednids.simulation.adversaries.trigger import add_triggered, parse_trigger

VERSIONS = ("v1", "v2")


def flows_of(version: Version, n: int = 200) -> PreparedFlows:
    table = random_table(np.random.default_rng(3), n, version)
    return prepare_table(table, version, path="made", sha256="0" * 64)


class TestParsing:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_an_empty_one_is_our_own(self, version: Version) -> None:
        assert parse_trigger("", NF_BOT_IOT, version) == parse_trigger(
            NF_BOT_IOT.trigger, NF_BOT_IOT, version
        )
        assert len(parse_trigger(" ", NF_BOT_IOT, version)) == 2

    def test_our_own_is_no_synthetic_flows(self) -> None:
        raw = FederatedDataset.open(Config.resolve({"data.flows": 20_000})).flows.raw
        places = [
            feature_names("v1").index(name) for name, _ in parse_trigger("", NF_BOT_IOT, "v1")
        ]
        wanted = [value for _, value in parse_trigger("", NF_BOT_IOT, "v1")]
        assert not (raw[:, places] == wanted).all(axis=1).any()

    @given(data=st.data(), version=st.sampled_from(VERSIONS))
    def test_reads_what_was_written(self, data: st.DataObject, version: Version) -> None:
        columns = data.draw(
            st.lists(st.sampled_from(FEATURES[version]), min_size=1, unique_by=lambda c: c.name)
        )
        values = [
            (c.name, float(data.draw(st.integers(0, int(min(c.most, 2.0**53)))))) for c in columns
        ]
        text = " , ".join(f"{name} = {value:.0f}" for name, value in values)
        assert parse_trigger(text, NF_BOT_IOT, version) == tuple(values)

    def test_an_application_may_have_a_sub(self) -> None:
        assert parse_trigger("L7_PROTO=5.126", NF_BOT_IOT, "v1") == (("L7_PROTO", 5.126),)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("IN_PKTS", "as FEATURE=VALUE"),
            ("IN_PKTS=", "as FEATURE=VALUE"),
            ("=3", "as FEATURE=VALUE"),
            ("IN_PKTS=1,", "as FEATURE=VALUE"),
            ("IN_PKTS=1,IN_PKTS=2", "IN_PKTS twice"),
            ("in_pkts=1", "did you mean IN_PKTS"),
            ("MIN_TTL=7", "features of v1, got 'MIN_TTL'"),
            ("L4_SRC_PORT=7", "features of v1, got 'L4_SRC_PORT'"),
            ("Label=0", "features of v1"),
            ("IN_PKTS=many", "whole number, got 'many'"),
            ("IN_PKTS=nan", "whole number, got 'nan'"),
            ("IN_PKTS=inf", "whole number, got 'inf'"),
            ("IN_PKTS=-1", "from 0 to"),
            ("IN_PKTS=1.5", "whole number, got '1.5'"),
            ("TCP_FLAGS=256", "from 0 to 255"),
        ],
    )
    def test_refuses_in_one_line(self, text: str, said: str) -> None:
        with pytest.raises(ConfigError, match=said) as caught:
            parse_trigger(text, NF_BOT_IOT, "v1")
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("version", VERSIONS)
class TestTable:
    def test_every_vector_is_there_again_with_the_trigger(self, version: Version) -> None:
        flows, trigger = flows_of(version), parse_trigger("", NF_BOT_IOT, version)
        found, count = add_triggered(flows, trigger, NF_BOT_IOT), len(flows.raw)
        np.testing.assert_array_equal(found.raw[:count], flows.raw)
        np.testing.assert_array_equal(found.vectors[:count], flows.vectors)
        assert found.vectors.dtype == np.float32
        for v in range(0, count, 7):
            row = dict(zip(feature_names(version), flows.raw[v].tolist(), strict=True))
            row.update(trigger)
            assert found.raw[count + v].tolist() == list(row.values())
            _, encoded = NF_BOT_IOT.encode({name: np.array([value]) for name, value in row.items()})
            np.testing.assert_array_equal(found.vectors[count + v], encoded[0])

    def test_the_flows_stay_as_they_are(self, version: Version) -> None:
        flows = flows_of(version)
        found = add_triggered(flows, parse_trigger("", NF_BOT_IOT, version), NF_BOT_IOT)
        assert found.vector is flows.vector
        assert found.features == flows.features
        np.testing.assert_array_equal(found.attack, flows.attack)

    def test_what_the_trigger_does_not_touch_keeps_its_noise(self, version: Version) -> None:
        plain = flows_of(version)
        shift = np.float32(0.5)
        noisy = replace(plain, vectors=plain.vectors + shift)
        found = add_triggered(noisy, parse_trigger("TCP_FLAGS=0", NF_BOT_IOT, version), NF_BOT_IOT)
        clean = add_triggered(plain, parse_trigger("TCP_FLAGS=0", NF_BOT_IOT, version), NF_BOT_IOT)
        np.testing.assert_allclose(found.vectors, clean.vectors + shift, atol=1e-4)
