"""CNN-BiLSTMs of any sizes, for tests that care about them."""

from __future__ import annotations

from fednids.networks.cnn_bilstm.declaration import CNNBiLSTM
from fednids.networks.interface import Architecture

SIZES = ("channels", "kernel", "pools", "hidden", "dense", "dropout", "readout")


def cnn_bilstm(features, window, classes, *sizes):
    """Return an architecture; no channels, or a hidden size of 0, leave that half out."""
    given = dict(zip(SIZES, sizes, strict=True))
    if not given["hidden"]:
        given |= {"parts": "cnn", "hidden": None}
    if not given["channels"]:
        given |= {"parts": "bilstm", "channels": None, "pools": None, "kernel": None}
    settings = CNNBiLSTM.resolve(CNNBiLSTM.Settings.model_validate(given))
    return Architecture("cnn-bilstm", settings, features, window, classes)


def changed(architecture, **given):
    """Return an architecture with other sizes."""
    network = architecture.network
    sizes = {name: getattr(network, name, None) for name in SIZES}
    sizes["dropout"] = network.settings.dropout
    shape = {name: getattr(network, name) for name in ("features", "window", "classes")}
    for name, value in given.items():
        (shape if name in shape else sizes)[name] = value
    return cnn_bilstm(*shape.values(), *sizes.values())
