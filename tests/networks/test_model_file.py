"""A saved detector comes back bit for bit, and any other bytes give one line."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network_factory import cnn_bilstm
from safetensors.numpy import load, save

from fednids.errors import RunError
from fednids.files import digest_of
from fednids.flows.scaling import Scaler
from fednids.networks.model_file import MODEL_FORMAT, Detector, load_detector, save_detector

CLASSES = ("Benign", "DDoS", "DoS", "Reconnaissance", "Theft")


def make_detector(readout="last", seed=0, dense=2):
    architecture = cnn_bilstm(3, 5, 5, (2, 3), 3, (2, 1), 2, dense, 0.25, readout)
    rng = np.random.default_rng(seed)
    scaler = Scaler(rng.normal(size=3) * 1e6, rng.uniform(0.05, 1e6, 3))
    weights = architecture.initial_weights(rng)
    return Detector(architecture, weights, scaler, CLASSES, ("a", "b", "ü\n"), "v1")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "detector.safetensors"
    save_detector(make_detector(), path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A file to write any bytes to."""
    return tmp_path_factory.mktemp("any") / "detector.safetensors"


def refusal(path):
    """Load what cannot be loaded and give the message, checked to be one line of three parts."""
    with pytest.raises(RunError) as caught:
        load_detector(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "\r" not in message
    assert message.startswith("expected ")
    assert ", got " in message
    assert "; " in message
    assert path.name in message
    return message


def rewrite(content, path, *, metadata=lambda given: given, arrays=lambda given: given):
    """Save a detector's file again with other metadata or arrays, and the digest of these."""
    size = int.from_bytes(content[:8], "little")
    given_metadata = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["fednids"])
    given_metadata.pop("sha256")
    changed, told = arrays(load(content)), metadata(given_metadata)
    if isinstance(told, dict) and told.get("format") != 1:
        told = {**told, "sha256": digest_of(changed, told)}
    path.write_bytes(save(changed, metadata={"fednids": json.dumps(told, sort_keys=True)}))


def is_usable(detector):
    """Whether what was loaded fits together, whatever its numbers and names are."""
    sizes = detector.architecture
    assert detector.weights.shape == (sizes.size,)
    assert detector.weights.dtype == np.float32
    assert np.isfinite(detector.weights).all()
    for array in (detector.scaler.mean, detector.scaler.scale):
        assert array.shape == (sizes.features,)
        assert array.dtype == np.float64
        assert np.isfinite(array).all()
    assert (detector.scaler.scale > 0).all()
    assert len(detector.features) == sizes.features
    assert len(detector.classes) == sizes.classes
    network = sizes.network
    assert len(network.channels) == len(network.pools)
    assert network.kernel % 2 == 1
    assert network.steps[-1] >= 1
    assert network.readout in ("last", "states", "mean")
    return True


@pytest.mark.parametrize(
    ("channels", "hidden", "readout"),
    [((2, 3), 0, "last"), ((2,), 0, "mean"), ((), 2, "states")],
)
def test_either_half_may_be_missing(channels, hidden, readout, place):
    pools = (1,) * len(channels)
    architecture = cnn_bilstm(3, 5, 5, channels, 1, pools, hidden, 2, 0.0, readout)
    weights = np.ones(architecture.size, np.float32)
    detector = replace(make_detector(), architecture=architecture, weights=weights)
    save_detector(detector, place)
    assert load_detector(place).architecture == architecture


def test_sizes_that_do_not_fit_together_are_refused(saved, place):
    for wrong in ({"parts": "cnn", "readout": "states"}, {"kernel": 2}, {"pools": [9, 1]}):

        def spoil(given, wrong=wrong):
            given["network"]["settings"] |= wrong
            return given

        rewrite(saved, place, metadata=spoil)
        assert "something else (expected" in refusal(place)


def test_a_network_that_nobody_has_registered_asks_for_its_plugin(saved, place):
    def rename(given):
        return {**given, "network": {**given["network"], "name": "tiny"}}

    rewrite(saved, place, metadata=rename)
    assert "'tiny'; give the --plugin" in refusal(place)


@pytest.mark.parametrize(("channels", "hidden"), [((2, 3), 2), ((2, 3), 0), ((), 2)])
def test_detectors_of_format_1_are_read(channels, hidden, place):
    pools = (1,) * len(channels)
    architecture = cnn_bilstm(3, 5, 5, channels, 1, pools, hidden, 2, 0.25, "mean")
    weights = architecture.initial_weights(np.random.default_rng(1))
    detector = replace(make_detector(), architecture=architecture, weights=weights)
    save_detector(detector, place)

    def as_format_1(given):
        sizes = {"features": 3, "window": 5, "classes": 5, "channels": channels, "pools": pools}
        sizes |= {"kernel": 1, "hidden": hidden, "dense": 2, "dropout": 0.25, "readout": "mean"}
        given = {name: value for name, value in given.items() if name != "network"}
        return {**given, "format": 1, "architecture": sizes}

    rewrite(place.read_bytes(), place, metadata=as_format_1)
    loaded = load_detector(place)
    assert loaded.architecture.layout == architecture.layout
    assert loaded.weights.tobytes() == weights.tobytes()
    assert is_usable(loaded)


@pytest.mark.parametrize("dense", [0, 2])
@pytest.mark.parametrize("readout", ["last", "states", "mean"])
def test_comes_back_bit_for_bit(readout, dense, tmp_path):
    detector, path = make_detector(readout, dense=dense), tmp_path / "detector.safetensors"
    save_detector(detector, path)
    loaded = load_detector(path)
    assert loaded.weights.tobytes() == detector.weights.tobytes()
    assert loaded.weights.dtype == np.float32
    assert loaded.scaler == detector.scaler
    assert replace(loaded, weights=detector.weights) == detector
    assert is_usable(loaded)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_extreme_weights_come_back(tmp_path):
    detector, path = make_detector(), tmp_path / "detector.safetensors"
    weights = detector.weights.copy()
    weights[:5] = [-0.0, 1e-45, np.finfo(np.float32).max, np.finfo(np.float32).tiny, -1e-40]
    save_detector(replace(detector, weights=weights), path)
    assert load_detector(path).weights.tobytes() == weights.tobytes()


def test_the_same_detector_gives_the_same_bytes(saved, tmp_path):
    path = tmp_path / "detector.safetensors"
    save_detector(make_detector(), path)
    assert path.read_bytes() == saved
    save_detector(load_detector(path), path)
    assert path.read_bytes() == saved
    save_detector(make_detector(seed=1), path)
    assert path.read_bytes() != saved


def test_a_threshold_is_kept_and_one_that_is_no_probability_refused(place):
    for chance in (0.0, 0.25, 1.0):
        save_detector(replace(make_detector(), threshold=chance), place)
        assert load_detector(place).threshold == chance
    for wrong in (1.5, -0.1, math.nan, "0.5", True, [0.5]):
        save_detector(replace(make_detector(), threshold=wrong), place)
        assert "a threshold that is no probability" in refusal(place)


def test_arrays_have_the_names_and_shapes_of_the_parameters(saved):
    architecture = make_detector().architecture
    assert {name: array.shape for name, array in load(saved).items()} == {
        parameter.name: parameter.shape for parameter in architecture.layout.parameters
    }


def test_no_file(tmp_path):
    assert "no such file" in refusal(tmp_path / "detector.safetensors")


def test_a_folder(tmp_path):
    refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"\xff" * 64, b"PK\x03\x04", save({})])
def test_other_files(content, place):
    place.write_bytes(content)
    refusal(place)


def test_safetensors_of_others(place):
    place.write_bytes(save({"conv1.weight": np.ones(3, np.float32)}))
    refusal(place)
    place.write_bytes(save({"conv1.weight": np.ones(3, np.float32)}, metadata={"format": "pt"}))
    refusal(place)


@pytest.mark.parametrize("number", [MODEL_FORMAT + 1, 0, "1", None])
def test_another_format(number, saved, place):
    rewrite(saved, place, metadata=lambda given: {**given, "format": number})
    assert f"format {number} and not {MODEL_FORMAT}" in refusal(place)


def test_every_missing_array(saved, place):
    for name in load(saved):
        rewrite(
            saved,
            place,
            arrays=lambda given, left_out=name: {n: a for n, a in given.items() if n != left_out},
        )
        assert name in refusal(place)


def test_every_missing_entry(saved, place):
    for left_out in ("format", "network", "classes", "columns", "features", "scaler"):
        rewrite(
            saved,
            place,
            metadata=lambda given, name=left_out: {n: v for n, v in given.items() if n != name},
        )
        assert left_out in refusal(place)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(bad, saved, place):
    for name in load(saved):

        def spoil(given, name=name):
            array = given[name].copy()
            array.flat[-1] = bad
            return {**given, name: array}

        rewrite(saved, place, arrays=spoil)
        assert name in refusal(place)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, np.uint32, np.bool_])
def test_weights_of_another_type(dtype, saved, place):
    def retype(given):
        return {**given, "head.bias": given["head.bias"].astype(dtype)}

    rewrite(saved, place, arrays=retype)
    assert "head.bias" in refusal(place)


@pytest.mark.parametrize(("dtype", "size"), [("F8_E4M3", 1), ("F4", 0.5), ("X", 1)])
def test_types_that_numpy_lacks(dtype, size, saved, place):
    end = 8 + int.from_bytes(saved[:8], "little")
    header, body, extra = json.loads(saved[8:end]), saved[end:], bytes(int(8 * size))
    offsets = [len(body), len(body) + len(extra)]
    header["extra"] = {"dtype": dtype, "shape": [8], "data_offsets": offsets}
    text = json.dumps(header).encode()
    place.write_bytes(len(text).to_bytes(8, "little") + text + body + extra)
    refusal(place)


def test_weights_of_another_shape(saved, place):
    for name in load(saved):
        rewrite(
            saved,
            place,
            arrays=lambda given, name=name: {**given, name: given[name][None]},
        )
        assert name in refusal(place)


@pytest.mark.parametrize("values", [[1.0, 2.0], [1.0, 2.0, math.nan], [1.0, 2.0, math.inf], 1.0])
@pytest.mark.parametrize("kind", ["mean", "scale"])
def test_a_scaler_that_does_not_fit(kind, values, saved, place):
    def spoil(given):
        return {**given, "scaler": {**given["scaler"], kind: values}}

    rewrite(saved, place, metadata=spoil)
    assert "scale" in refusal(place)


PATHS = [
    ("format",),
    ("classes",),
    ("features",),
    ("scaler",),
    ("scaler", "mean"),
    ("scaler", "scale"),
    ("scaler", "scale", 0),
    ("network",),
    *(("network", name) for name in ("name", "settings", "features", "window", "classes")),
    *(
        ("network", "settings", name)
        for name in ("channels", "kernel", "pools", "hidden", "dense", "dropout", "readout")
    ),
    ("network", "settings", "channels", 0),
    ("network", "settings", "pools", 0),
    ("network", "settings", "pools", 1),
]
VALUES = [0, -1, 1, 2, 4, 1.5, 10**400, 1e308, math.nan, None, True, "", "3", "last", "states"]
VALUES += [[], {}, [0], [1], [1, 1], [0, 1], ["a", "b"], [[1]], [1, 1, 1]]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))
def test_any_value_in_the_metadata_gives_a_usable_detector_or_one_line(path, saved, place):
    for value in VALUES:

        def spoil(given, value=value):
            changed = copy.deepcopy(given)
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = value
            return changed

        rewrite(saved, place, metadata=spoil)
        try:
            detector = load_detector(place)
        except RunError:
            refusal(place)
        else:
            assert is_usable(detector)


def test_metadata_nested_without_end(saved, place):
    place.write_bytes(save(load(saved), metadata={"fednids": "[" * 200_000}))
    refusal(place)


MUTATIONS = st.one_of(
    st.tuples(st.just("cut"), st.integers(0, 10**6), st.just(b"")),
    st.tuples(st.just("set"), st.integers(0, 10**6), st.binary(min_size=1, max_size=4)),
    st.tuples(st.just("insert"), st.integers(0, 10**6), st.binary(min_size=1, max_size=4)),
    st.tuples(st.just("digit"), st.integers(0, 10**6), st.sampled_from(list(b"0123456789-,.e"))),
)


@settings(max_examples=400)
@given(st.lists(MUTATIONS, min_size=1, max_size=3))
def test_damaged_bytes_give_a_usable_detector_or_one_line(saved, place, mutations):
    content = bytearray(saved)
    for kind, somewhere, new in mutations:
        at = somewhere % max(len(content), 1)
        if kind == "cut":
            del content[at:]
        elif kind == "set":
            content[at : at + len(new)] = new
        elif kind == "insert":
            content[at:at] = new
        else:
            digits = [place for place, byte in enumerate(content) if 48 <= byte <= 57]
            if digits:
                content[digits[somewhere % len(digits)]] = new
    place.write_bytes(content)
    try:
        detector = load_detector(place)
    except RunError:
        refusal(place)
    else:
        assert is_usable(detector)


def test_any_flipped_bit_is_noticed(saved, place):
    """Also in weights, names and the scaler, where all that is read would still fit together."""
    rng, key = np.random.default_rng(1), saved.index(b"sha256")
    for position in (key, *rng.choice(len(saved), 300, replace=False)):
        damaged = bytearray(saved)
        damaged[position] ^= 1 << rng.integers(8)
        place.write_bytes(damaged)
        refusal(place)


def test_a_detector_without_a_digest_is_loaded_with_a_word(saved, place, caplog):
    place.write_bytes(saved)
    load_detector(place)
    assert not caplog.messages
    size = int.from_bytes(saved[:8], "little")
    metadata = json.loads(json.loads(saved[8 : 8 + size])["__metadata__"]["fednids"])
    del metadata["sha256"]
    place.write_bytes(save(load(saved), metadata={"fednids": json.dumps(metadata)}))
    load_detector(place)
    assert "has no digest" in caplog.text
