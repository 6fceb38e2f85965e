"""What holds for every encoding, whoever writes it and whatever comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from messages.encodings.vectors import ALL, LOSSY, few, generator, normal, sizes, vectors

from fednids.messages.encodings import Encoding, sent_bytes

pytestmark = pytest.mark.filterwarnings("error")
every = pytest.mark.parametrize("encoding", ALL.values(), ids=ALL)
lossy = pytest.mark.parametrize("encoding", LOSSY.values(), ids=LOSSY)

TYPES = ["f4", "f2", "f8", ">f4", "i1", "u1", "u2", "u4", "i8", "?", "c8", "U1"]
anything = st.sampled_from(TYPES).flatmap(
    lambda kind: arrays(kind, array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=6))
)


def refused(encoding: Encoding, came: dict[str, Any], size: int) -> str:
    with pytest.raises(ValueError, match=r"^expected .*, got ") as caught:
        encoding.decode(came, size)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


@every
@few
@given(vectors, st.integers(0, 2**32))
def test_what_is_sent_is_as_promised(encoding: Encoding, vector: np.ndarray, seed: int) -> None:
    vector.flags.writeable = False
    sent = encoding.encode(vector, generator(seed))
    parts = encoding.parts(len(vector))
    assert [part.name for part in parts] == list(sent)
    for part in parts:
        assert sent[part.name].shape == (part.length,)
        assert sent[part.name].dtype == np.dtype(part.dtype)
    assert sum(array.nbytes for array in sent.values()) == sent_bytes(encoding, len(vector))
    again = encoding.encode(vector, generator(seed))
    assert all(np.array_equal(sent[name], again[name]) for name in sent)


@every
@few
@given(vectors)
def test_what_is_read_is_a_finite_vector(encoding: Encoding, vector: np.ndarray) -> None:
    read = encoding.decode(encoding.encode(vector, generator()), len(vector))
    assert read.shape == vector.shape
    assert read.dtype == np.float32
    assert np.isfinite(read).all()
    assert (np.abs(read) <= np.abs(vector).max(initial=0) * 1.001 + 2.0**-24).all()
    assert (read[vector == 0] == 0).all()


@every
@few
@given(vectors)
def test_what_was_read_is_sent_without_loss(encoding: Encoding, vector: np.ndarray) -> None:
    sent = encoding.encode(vector, generator())
    read = encoding.decode(sent, len(vector))
    if "scales" in sent:
        tops = (
            np.maximum.reduceat(np.abs(sent["levels"]), np.arange(0, len(vector), 256))
            if len(vector)
            else np.zeros(0)
        )
        assume((tops[sent["scales"] > 0] == 127).all())
    again = encoding.decode(encoding.encode(read, generator(1)), len(vector))
    np.testing.assert_array_equal(again, read)


@lossy
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_sent(encoding: Encoding, number: float) -> None:
    vector = normal(300)
    vector[299] = number
    with pytest.raises(ValueError, match=r"expected finite .*, got NaN or infinity"):
        encoding.encode(vector, generator())


@lossy
@few
@given(st.data())
def test_lossy_encodings_take_fewer_bytes(encoding: Encoding, data: st.DataObject) -> None:
    size = data.draw(st.integers(1000, 10**7))
    if getattr(encoding, "keep", 0) < 1:
        assert sent_bytes(encoding, size) < 4 * size
    assert sent_bytes(encoding, size) <= sent_bytes(encoding, size + 1)


class TestRefusals:
    @every
    @pytest.mark.parametrize("size", [1, 300])
    def test_names(self, encoding: Encoding, size: int) -> None:
        sent = encoding.encode(normal(size), generator())
        for name in sent:
            refused(encoding, {key: sent[key] for key in sent if key != name}, size)
        assert "line" in refused(encoding, {**sent, "two\nlines": normal(1)}, size)
        refused(encoding, {}, size)

    @every
    def test_other_sizes(self, encoding: Encoding) -> None:
        sent = dict(encoding.encode(normal(300), generator()))
        refused(encoding, sent, 1000)
        for name, array in sent.items():
            assert name in refused(encoding, {**sent, name: array[:-1]}, 300)
            assert name in refused(encoding, {**sent, name: array[:, None]}, 300)

    @every
    def test_other_types(self, encoding: Encoding) -> None:
        sent = dict(encoding.encode(normal(300), generator()))
        for name, array in sent.items():
            for kind in TYPES:
                if np.dtype(kind) != array.dtype:
                    came = {**sent, name: np.zeros(array.shape, kind)}
                    assert name in refused(encoding, came, 300)

    @lossy
    @pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
    def test_no_number(self, encoding: Encoding, number: float) -> None:
        sent = encoding.encode(normal(300), generator())
        for name, array in sent.items():
            if array.dtype.kind == "f":
                spoilt = array.copy()
                spoilt[-1] = number
                assert name in refused(encoding, {**sent, name: spoilt}, 300)

    @every
    @few
    @given(data=st.data(), size=st.integers(0, 9))
    def test_anything_at_all(self, encoding: Encoding, data: st.DataObject, size: int) -> None:
        names = [part.name for part in encoding.parts(size)]
        refused_or_read(encoding, {name: data.draw(anything) for name in names}, size)

    @lossy
    @few
    @given(data=st.data(), size=sizes)
    def test_any_numbers_of_the_right_shapes(
        self, encoding: Encoding, data: st.DataObject, size: int
    ) -> None:
        came = {
            part.name: data.draw(arrays(np.dtype(part.dtype), part.length))
            for part in encoding.parts(size)
        }
        refused_or_read(encoding, came, size)

    @lossy
    @few
    @given(data=st.data())
    def test_one_number_changed(self, encoding: Encoding, data: st.DataObject) -> None:
        sent = dict(encoding.encode(normal(600), generator()))
        name = data.draw(st.sampled_from(sorted(sent)))
        spoilt = sent[name].copy()
        place = data.draw(st.integers(0, len(spoilt) - 1))
        spoilt[place] = data.draw(arrays(spoilt.dtype, ()))
        refused_or_read(encoding, {**sent, name: spoilt}, 600)


def refused_or_read(encoding: Encoding, came: dict[str, Any], size: int) -> None:
    try:
        read = encoding.decode(came, size)
    except ValueError:
        refused(encoding, came, size)
    else:
        assert read.shape == (size,)
        assert read.dtype == np.float32
        assert np.isfinite(read).all() or not encoding.lossy
