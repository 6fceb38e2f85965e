"""What a gateway of a deployment says of itself, and whether that fits the run."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from fednids import __version__
from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.datasets.registry import chosen_dataset, chosen_features, class_names
from fednids.errors import FederationError
from fednids.messages.values import Card, Statistics


def write_card(dataset: FederatedDataset, partition_id: int, name: str) -> Card:
    """Write the card of a gateway: counts over its flows, and by what code they were made.

    Parameters
    ----------
    dataset : FederatedDataset
        With the gateway's flows.
    partition_id : int
        Which gateway.
    name : str
        What it is called.
    """
    validating = dataset.validating(partition_id)
    return Card(
        name,
        __version__,
        _digest(dataset.flows.features, dataset.classes),
        dataset.support(dataset.training(partition_id)),
        np.zeros(len(dataset.classes), np.int64)
        if validating is None
        else dataset.support(validating),
        dataset.support(dataset.testing(partition_id)),
        int(dataset.novel(partition_id).sum()),
    )


def run_features(config: Config) -> tuple[str, ...]:
    """Name the encoded features of a run, in order, without any flow."""
    spec = chosen_dataset(config.data)
    return spec.encoded_names(chosen_features(spec, config.data))


def run_schema(config: Config) -> str:
    """Return the digest of a run's features and classes, as a card of the run must have it."""
    return _digest(run_features(config), class_names(config))


def check_asked(card: Card, version: str, schema: str) -> None:
    """Check at a gateway that the server's code is its own, so that both sides report it if not.

    Parameters
    ----------
    card : Card
        Of the gateway.
    version, schema : str
        What the server says of itself; empty where it says nothing.

    Raises
    ------
    FederationError
        The server has another version of fednids, or other features and classes.
    """
    pairs = {"fednids": (version, card.fednids), "digest of features": (schema, card.schema)}
    for what, (theirs, ours) in pairs.items():
        if theirs and theirs != ours:
            raise FederationError(
                f"expected a server with {what} {ours}, got {theirs}; install the same version of "
                "fednids at server and gateways"
            )


def misfit(found: Statistics, config: Config) -> str | None:
    """Return in what the statistics of a gateway do not fit a run.

    Parameters
    ----------
    found : Statistics
        As the gateway sent them.
    config : Config
        Settings of the run, of a deployment.

    Returns
    -------
    str or None
        What was expected and what came, of the first difference; None if all fits.
    """
    card, names = found.card, config.deploy.names
    if card is None:
        return "expected a gateway that gives its name, got one without"
    features, classes = len(run_features(config)), len(class_names(config))
    pairs: dict[str, tuple[object, object]] = {
        "fednids": (__version__, card.fednids),
        "number of features": (features, len(found.moments.sums)),
        "number of classes": (classes, len(found.train_support)),
        "digest of features and classes": (run_schema(config), card.schema),
        "place among the gateways": (names.index(card.name), found.partition_id),
    }
    for what, (expected, came) in pairs.items():
        if expected != came:
            return f"expected {what} {expected}, got {came}"
    return _senseless(found, card)


def _senseless(found: Statistics, card: Card) -> str | None:
    """Return which sums or counts cannot be."""
    moments = found.moments
    sums = (moments.sums, moments.squares)
    if len({len(column) for column in sums}) > 1 or not np.isfinite(sums).all():
        return "expected finite sums of all features, got others"
    counts = (found.train_support, card.trained, card.validated, card.tested)
    if len({len(column) for column in counts}) > 1 or np.concatenate(counts).min() < 0:
        return "expected a count of flows for each class, got others"
    if moments.count < 1 or not 0 <= card.novel <= card.tested.sum():
        return f"expected at least one training flow, got {moments.count}"
    return None


def _digest(features: tuple[str, ...], classes: tuple[str, ...]) -> str:
    """SHA-256 of the names in order."""
    return hashlib.sha256(json.dumps([features, classes]).encode()).hexdigest()
