"""Data sets by name, and what the settings choose of one."""

from __future__ import annotations

from collections.abc import Iterator

from fednids.config import Config, DataConfig
from fednids.datasets.spec import DatasetSpec
from fednids.errors import ConfigError
from fednids.extensions import DATASETS

AUTO = "auto"
"""The ``data.dataset`` that has each file recognised."""

FIRST = "nf-bot-iot"
"""The data set of flows that are made, and of a deployment whose settings name none."""

ANY_ATTACK = "Attack"
"""Name of all attacks together, where a detector tells two classes apart."""


def find_dataset(name: str) -> DatasetSpec:
    """Return a data set by its name.

    Raises
    ------
    ConfigError
        There is none, or it calls itself otherwise.
    """
    spec: DatasetSpec = DATASETS.find(name)
    if spec.name != name:
        raise ConfigError(
            f"expected the data set that is registered as {name!r} to have that name, got "
            f"{spec.name!r}; correct one of them"
        )
    return spec


def all_datasets() -> Iterator[DatasetSpec]:
    """Return all data sets, those of plug-ins last."""
    return (find_dataset(name) for name in DATASETS.names())


def candidates(dataset: str) -> tuple[DatasetSpec, ...]:
    """Return the data sets that a file may be of, by the setting ``data.dataset``."""
    return tuple(all_datasets()) if dataset == AUTO else (find_dataset(dataset),)


def chosen_dataset(data: DataConfig) -> DatasetSpec:
    """Return the data set that the settings say before any flow is read."""
    return find_dataset(FIRST if data.dataset == AUTO else data.dataset)


def chosen_features(spec: DatasetSpec, data: DataConfig) -> str:
    """Return the name of the feature set that the settings choose.

    Raises
    ------
    ConfigError
        The data set has none of this name.
    """
    if not data.features:
        return next(iter(spec.feature_sets))
    if data.features not in spec.feature_sets:
        raise ConfigError(
            f"expected data.features among {', '.join(spec.feature_sets)} of {spec.title}, got "
            f"{data.features!r}; choose one of them, or leave it out"
        )
    return data.features


def told_apart(names: tuple[str, ...], config: Config) -> tuple[str, ...]:
    """Return the names of a detector's classes: all of a data set, or benign against attack."""
    return (names[0], ANY_ATTACK) if config.model.classes == "binary" else names


def class_names(config: Config) -> tuple[str, ...]:
    """Return the names of a detector's classes as the settings say them, without any flow."""
    return told_apart(chosen_dataset(config.data).classes, config)
