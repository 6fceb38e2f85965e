"""A trained detector as one file: weights, network, scaler and class names.

Safetensors hold arrays and text and nothing that could be executed. Files of the same
detector have the same bytes. A digest over all of it tells when some of it was damaged.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from fednids.errors import ConfigError, RunError
from fednids.extensions import NETWORKS
from fednids.files import digest_of, write_atomically
from fednids.flows.scaling import Scaler
from fednids.networks.interface import Architecture, Weights

MODEL_FORMAT = 2
_KEY = "fednids"
_DIGEST = "sha256"
_ENTRIES = {"format", "network", "architecture", "classes", "columns", "features", "scaler"}
_LOG = logging.getLogger(__name__)
_SIZES = ("features", "window", "classes")
_DAMAGE = (
    OSError,
    SafetensorError,
    ConfigError,
    KeyError,
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
    AttributeError,  # safetensors, of a type of number that NumPy lacks
)


@dataclass(frozen=True)
class Detector:
    """Everything that scoring flows takes.

    Attributes
    ----------
    architecture : Architecture
        The network.
    weights : ndarray
        ``(P,) float32``.
    scaler : Scaler
        Of its training flows.
    classes : tuple[str, ...]
        Names of the classes in the order of the logits.
    features : tuple[str, ...]
        Names of the encoded features, in order.
    columns : str
        ``"v1"`` or ``"v2"``: which columns are encoded.
    threshold : float or None
        Probability of attack above which a flow raises an alarm, where one was chosen.
    synthetic : bool
        Whether its training flows were made and not measured; False where the file does not say.
    """

    architecture: Architecture
    weights: Weights
    scaler: Scaler
    classes: tuple[str, ...]
    features: tuple[str, ...]
    columns: str
    threshold: float | None = None
    synthetic: bool = False


def save_detector(detector: Detector, path: Path) -> None:
    """Write a detector, atomically; arrays have the parameters' names and shapes."""
    network, scaler, threshold = detector.architecture, detector.scaler, detector.threshold
    parts = network.layout.unpack(detector.weights)
    arrays = {name: np.ascontiguousarray(part) for name, part in parts.items()}
    sizes = {name: getattr(network, name) for name in ("name", *_SIZES)}
    metadata = {
        "format": MODEL_FORMAT,
        "network": {"settings": network.settings.model_dump(mode="json"), **sizes},
        "classes": detector.classes,
        "columns": detector.columns,
        "features": detector.features,
        "scaler": {"mean": scaler.mean.tolist(), "scale": scaler.scale.tolist()},
        **({} if threshold is None else {"threshold": threshold}),
        **({"synthetic": True} if detector.synthetic else {}),
    }
    # One entry of sorted JSON: the order of several entries changes from run to run.
    text = json.dumps({**metadata, _DIGEST: digest_of(arrays, metadata)}, sort_keys=True)
    write_atomically(path, save(arrays, metadata={_KEY: text}))


def load_detector(path: Path) -> Detector:
    """Read a detector.

    Raises
    ------
    RunError
        There is no such file, it is not a detector of this version, or it is damaged.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = json.loads(file.metadata()[_KEY])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        digest = metadata.pop(_DIGEST, None)
        if digest is None:
            _LOG.warning("%s has no digest, so that nobody can tell whether it is damaged", path)
        elif digest != digest_of(arrays, metadata):
            raise ValueError("its digest is another: some of it is damaged")
        return _detector(metadata, arrays, path)
    except FileNotFoundError:
        raise RunError(
            f"expected a saved detector at {path}, got no such file; name the folder of a "
            "finished run"
        ) from None
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(
            f"expected a detector saved by fednids in {path}, got something else ({reason}); "
            "train it again or take another copy"
        ) from None


def _detector(
    metadata: dict[str, Any], arrays: dict[str, NDArray[np.float32]], path: Path
) -> Detector:
    if metadata["format"] not in (1, MODEL_FORMAT):
        raise ValueError(f"format {metadata['format']} and not {MODEL_FORMAT}")
    if unknown := metadata.keys() - _ENTRIES - {"threshold", "synthetic"}:
        raise ValueError(f"an entry {min(unknown)!r}")
    architecture = _architecture(metadata, path)
    scaler = Scaler(*(np.array(metadata["scaler"][k], np.float64) for k in ("mean", "scale")))
    for parameter in architecture.layout.parameters:
        _check_array(arrays[parameter.name], parameter.name, parameter.shape, np.float32)
    for name, array in (("mean", scaler.mean), ("scale", scaler.scale)):
        _check_array(array, f"scaler {name}", (architecture.features,), np.float64)
    if not (scaler.scale > 0).all():
        raise ValueError("a scale that is not above 0")
    weights = architecture.layout.pack(arrays)
    classes, features = tuple(metadata["classes"]), tuple(metadata["features"])
    if (len(classes), len(features)) != (architecture.classes, architecture.features):
        raise ValueError(f"{len(classes)} classes and {len(features)} features named")
    if not all(isinstance(name, str) for name in (*classes, *features)):
        raise ValueError("names that are not text")
    threshold, columns = metadata.get("threshold"), metadata["columns"]
    if threshold is not None and not (type(threshold) is float and 0 <= threshold <= 1):
        raise ValueError("a threshold that is no probability")
    synthetic = metadata.get("synthetic", False)
    if not isinstance(synthetic, bool):
        raise TypeError("an entry 'synthetic' that is neither true nor false")
    about = (classes, features, columns, threshold, synthetic)
    return Detector(architecture, weights, scaler, *about)


def _architecture(metadata: dict[str, Any], path: Path) -> Architecture:
    """Read the network, and check all that the shapes of the arrays do not show."""
    old = metadata["format"] == 1
    found = _of_format_1(metadata["architecture"]) if old else metadata["network"]
    if found["name"] not in NETWORKS.names():
        raise RunError(
            f"expected a detector of one of the networks {', '.join(NETWORKS.names())} in {path}, "
            f"got one of {found['name']!r}; give the --plugin that defines it"
        )
    sizes = [found[name] for name in _SIZES]
    if not all(type(n) is int and 0 < n < 2**16 for n in sizes):
        raise ValueError("a size of the network out of range")
    member = NETWORKS.find(found["name"])
    settings = member.Settings.model_validate(found["settings"])
    return Architecture(found["name"], member.resolve(settings), *sizes)


def _of_format_1(sizes: dict[str, Any]) -> dict[str, Any]:
    """Return a network of format 1, always a CNN-BiLSTM, as format 2 has it."""
    settings = {k: v for k, v in sizes.items() if k not in _SIZES}
    left_out = {} if settings["hidden"] else {"parts": "cnn", "hidden": None}
    if not settings["channels"]:
        left_out = {"parts": "bilstm", "channels": None, "pools": None}
    return {**sizes, "name": "cnn-bilstm", "settings": {**settings, **left_out}}


def _check_array(array: NDArray[Any], name: str, shape: tuple[int, ...], dtype: type) -> None:
    if array.shape != shape or array.dtype != dtype or not np.isfinite(array).all():
        raise ValueError(
            f"{name} of shape {array.shape} and {array.dtype}, not {shape} and "
            f"{dtype.__name__}, or not finite"
        )
