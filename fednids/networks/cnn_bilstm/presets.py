"""Named networks, and the network that the settings ask for."""

from __future__ import annotations

from dataclasses import dataclass

from fednids.config import ModelConfig
from fednids.errors import ConfigError
from fednids.networks.cnn_bilstm.architecture import Architecture, Readout


@dataclass(frozen=True)
class Preset:
    """Sizes of a network; each can be replaced by a setting of the same name."""

    channels: tuple[int, ...]
    kernel: int
    pools: tuple[int, ...]
    hidden: int
    dense: int
    dropout: float
    readout: Readout


PRESETS: dict[str, Preset] = {
    "default": Preset((48,), 1, (1,), 32, 64, 0.0, "last"),
    "paper": Preset((16, 32), 3, (2, 5), 64, 32, 0.0, "last"),
    "lite": Preset((16,), 1, (1,), 8, 0, 0.0, "last"),
}
"""How to add one: add a line and run ``pytest tests/networks/cnn_bilstm``.

``paper`` is the network of Wu et al., arXiv 2504.21008, with the sizes of public code that
fits the paper: two convolutions of 16 and 32 channels, pools of 2 and 5, a BiLSTM of 64
each way, a dense layer of 32. ``lite`` has less than a quarter of ``default``'s weights and
trains in less than a quarter of its time, with what `fednids.config.implied.PROPOSED` brings.
"""


WITHOUT: dict[str, dict[str, object]] = {
    "both": {},
    "cnn": {"hidden": 0},
    "bilstm": {"channels": (), "pools": (), "kernel": 1},
}
"""Sizes that take a half out of the network, by `ModelConfig.parts`."""


def build_architecture(model: ModelConfig, features: int, window: int) -> Architecture:
    """Resolve the settings to sizes and check that they fit together.

    Parameters
    ----------
    model : ModelConfig
        Preset, and sizes that replace the preset's.
    features, window : int
        ``F`` and ``T``.

    Raises
    ------
    ConfigError
        An unknown preset, an even kernel, unequal numbers of convolutions and pools, pools
        that leave no step of the window, or states read of a BiLSTM that is left out.
    """
    if model.preset not in PRESETS:
        raise ConfigError(
            f"expected model.preset to be one of {', '.join(PRESETS)}, got {model.preset!r}; "
            "choose one of these"
        )
    preset = PRESETS[model.preset]

    def size(name: str) -> object:
        chosen = getattr(model, name)
        return getattr(preset, name) if chosen is None else chosen

    sizes = {name: size(name) for name in Preset.__dataclass_fields__} | WITHOUT[model.parts]
    architecture = Architecture(features, window, model.classes, **sizes)  # type: ignore[arg-type]
    _check(architecture)
    return architecture


def _check(architecture: Architecture) -> None:
    if architecture.kernel % 2 == 0:
        raise ConfigError(
            f"expected an odd model.kernel, got {architecture.kernel}; "
            "a window is padded equally at both ends"
        )
    if architecture.readout == "states" and not architecture.hidden:
        raise ConfigError(
            "expected model.readout=last or mean with model.parts=cnn, got states, which a BiLSTM "
            "has; choose one of the two"
        )
    if len(architecture.channels) != len(architecture.pools):
        raise ConfigError(
            f"expected one of model.pools for each of model.channels, got {architecture.pools} for "
            f"{architecture.channels}; give as many of both"
        )
    if architecture.steps[-1] < 1:
        raise ConfigError(
            f"expected model.pools to leave a step of data.window={architecture.window}, got "
            f"{architecture.pools}; make the pools smaller or the window longer"
        )
