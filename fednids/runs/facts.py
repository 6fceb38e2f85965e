"""What results tell of the flows: from a fleet, or from what gateways say of theirs."""

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
    validated : int or None
        Validation flows of all gateways; None in a run without any.
    tested, novel : int
        Test flows of all gateways, and the novel ones among them.
    path, sha256 : str or None
        Where the flows are, and their checksum; None where they are at their gateways.
    synthetic : bool
        Whether the flows were made and not measured.
    scheme : str
        How they were dealt.
    fingerprint : str or None
        Of the plan, where there is one.
    names : tuple[str, ...]
        Of the gateways; empty where they have none.
    """

    classes: tuple[str, ...]
    features: tuple[str, ...]
    owned: NDArray[np.int64]
    trained: NDArray[np.int64]
    validated: int | None
    tested: int
    novel: int
    path: str | None
    sha256: str | None
    synthetic: bool
    scheme: str
    fingerprint: str | None
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, dataset: FederatedDataset) -> Facts:
        """Count the flows of a fleet."""
        origin, split, plan = dataset.flows.origin, dataset.split, dataset.plan
        classes, validation = len(dataset.classes), split.validation
        return cls(
            dataset.classes,
            dataset.flows.features,
            plan.label_counts(dataset.labels.astype(np.uint8), classes),
            np.bincount(dataset.labels[split.training], minlength=classes),
            None if validation is None else int(validation.sum()),
            int(split.test.sum()),
            int(split.novel.sum()),
            origin.path,
            origin.sha256,
            origin.synthetic,
            plan.scheme,
            plan.fingerprint,
            _names(dataset),
        )

    @classmethod
    def told(cls, cards: Sequence[Card], config: Config) -> Facts:
        """Add up what the gateways of a deployment say, in the order of partition ids."""
        trained, validated, tested = (
            np.stack(counts)
            for counts in zip(*((c.trained, c.validated, c.tested) for c in cards), strict=True)
        )
        return cls(
            class_names(config),
            run_features(config),
            trained + validated + tested,
            trained.sum(axis=0),
            int(validated.sum()) if config.data.validation_share else None,
            int(tested.sum()),
            sum(card.novel for card in cards),
            None,
            None,
            False,
            FILES,
            None,
            tuple(card.name for card in cards),
        )

    @property
    def gateways(self) -> int:
        """Number of gateways ``K``."""
        return len(self.owned)

    def data(self) -> DataRecord:
        """Return what stands under ``data`` in the result."""
        validated = {} if self.validated is None else {"validation_flows": self.validated}
        return DataRecord(
            path=self.path,
            sha256=self.sha256,
            flows=int(self.owned.sum()),
            synthetic=self.synthetic,
            train_flows=int(self.trained.sum()),
            test_flows=self.tested,
            novel_flows=self.novel,
            features=len(self.features),
            **validated,
        )

    def partition(self) -> PartitionRecord:
        """Return what stands under ``partition`` in the result."""
        names = {"names": list(self.names)} if self.names else {}
        return PartitionRecord(
            scheme=self.scheme,
            gateways=self.gateways,
            fingerprint=self.fingerprint,
            skew=SkewRecord.model_validate(measure_skew(self.owned).to_json()),
            **names,
        )


def _names(dataset: FederatedDataset) -> tuple[str, ...]:
    """Name the gateways of a folder of flow files, if it is still as it was."""
    folder = Path(dataset.flows.origin.path)
    if dataset.plan.scheme != FILES or not folder.is_dir():
        return ()
    names = tuple(gateway_name(path) for path in gateway_files(folder))
    return names if len(names) == dataset.gateways else ()
