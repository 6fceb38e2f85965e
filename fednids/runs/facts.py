"""What results hold of the flows: counted in a simulation, or added up from gateways' counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fednids.config import Config
from fednids.config.folder import FILES, gateway_files, gateway_name
from fednids.datasets.federated import FederatedDataset
from fednids.datasets.registry import class_names
from fednids.messages.card import run_features
from fednids.messages.values import Card
from fednids.runs.records import DataRecord, PartitionRecord, SkewRecord
from partitions import measure_skew


@dataclass(frozen=True)
class Facts:
    """Counts over the flows of a run, without a flow.

    Attributes
    ----------
    classes, features : tuple[str, ...]
        Names of the ``C`` classes and of the encoded features.
    owned : ndarray
        ``(K, C) int64`` flows of each class at each gateway.
    trained : ndarray
        ``(C,) int64`` training flows of each class.
    data, partition : DataRecord, PartitionRecord
        What stands under these names in the result.
    """

    classes: tuple[str, ...]
    features: tuple[str, ...]
    owned: NDArray[np.int64]
    trained: NDArray[np.int64]
    data: DataRecord
    partition: PartitionRecord

    @classmethod
    def of(cls, dataset: FederatedDataset) -> Facts:
        """Count the flows of a simulation."""
        origin, split, plan = dataset.flows.origin, dataset.split, dataset.plan
        classes, validation, names = len(dataset.classes), split.validation, _names(dataset)
        owned = plan.label_counts(dataset.labels.astype(np.uint8), classes)
        data = DataRecord(
            path=origin.path,
            sha256=origin.sha256,
            flows=int(owned.sum()),
            synthetic=origin.synthetic,
            train_flows=int(split.training.sum()),
            test_flows=int(split.test.sum()),
            novel_flows=int(split.novel.sum()),
            features=len(dataset.flows.features),
            **({} if validation is None else {"validation_flows": int(validation.sum())}),
        )
        partition = _partition(plan.scheme, plan.fingerprint, owned, names)
        trained = np.bincount(dataset.labels[split.training], minlength=classes)
        return cls(dataset.classes, dataset.flows.features, owned, trained, data, partition)

    @classmethod
    def of_cards(cls, cards: Sequence[Card], config: Config) -> Facts:
        """Add up what the gateways of a deployment count, in the order of partition ids."""
        trained, validated, tested = (
            np.stack(counts)
            for counts in zip(*((c.trained, c.validated, c.tested) for c in cards), strict=True)
        )
        owned, features = trained + validated + tested, run_features(config)
        validation = {"validation_flows": int(validated.sum())}
        data = DataRecord(
            path=None,
            sha256=None,
            flows=int(owned.sum()),
            synthetic=False,
            train_flows=int(trained.sum()),
            test_flows=int(tested.sum()),
            novel_flows=sum(card.novel for card in cards),
            features=len(features),
            **(validation if config.data.validation_share else {}),
        )
        partition = _partition(FILES, None, owned, [card.name for card in cards])
        return cls(class_names(config), features, owned, trained.sum(axis=0), data, partition)


def _partition(
    scheme: str, fingerprint: str | None, owned: NDArray[np.int64], names: Sequence[str]
) -> PartitionRecord:
    return PartitionRecord(
        scheme=scheme,
        gateways=len(owned),
        fingerprint=fingerprint,
        skew=SkewRecord.model_validate(measure_skew(owned).to_json()),
        **({"names": list(names)} if names else {}),
    )


def _names(dataset: FederatedDataset) -> tuple[str, ...]:
    """Name the gateways of a folder of flow files, if it is still as it was."""
    folder = Path(dataset.flows.origin.path)
    if dataset.plan.scheme != FILES or not folder.is_dir():
        return ()
    names = tuple(gateway_name(path) for path in gateway_files(folder))
    return names if len(names) == dataset.gateways else ()
