"""The flows of a run, split, and dealt to gateways.

A `FederatedDataset` is a function of the settings. Server, clients and arms each open their own,
in whatever process they are, and get the same one: columns are mapped from the cache, split and
plan are drawn from the seed.

Flows may also come dealt: a gateway of a deployment has its own file and knows no other. Its
simulated twin, a folder with all files, splits each as its gateway does, so both train and score
on the same flows.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fednids.config import Config, DataConfig
from fednids.config.folder import FILES, gateway_files
from fednids.datasets.plan_file import open_plan
from fednids.datasets.registry import AUTO, all_datasets, candidates, find_dataset, told_apart
from fednids.errors import ConfigError, DataError, FednidsError, PartitionError
from fednids.extensions import DATASETS
from fednids.flows.cache import cached
from fednids.flows.files.checksum import file_sha256
from fednids.flows.joining import check_versions, join_checksums, join_flows
from fednids.flows.prepared import PreparedFlows
from fednids.flows.scaling import Moments
from fednids.flows.source import load_flows
from fednids.flows.split import Split, drop_test, hold_out, split_flows
from fednids.flows.validation import carve_all
from fednids.flows.windows import Windows
from fednids.metrics.counts import BENIGN
from fednids.seeding import Stream, generator
from fednids.simulation.adversaries.attacks import find_attack
from fednids.simulation.adversaries.poisoning import PoisonContext
from fednids.simulation.adversaries.trigger import add_triggered, parse_trigger
from partitions import (
    Arrival,
    PartitionPlan,
    Traffic,
    arrived,
    deal_flows,
)
from partitions.noise import noise_level, noisy_vectors

Dealt = tuple[PreparedFlows, Split, PartitionPlan]
"""Flows, which of them are test flows, and whose each is."""


@dataclass(frozen=True)
class FederatedDataset:
    """Flows, split and plan.

    Attributes
    ----------
    flows : PreparedFlows
        All flows of the run.
    split : Split
        Which of them are test flows.
    plan : PartitionPlan
        Which gateway owns each.
    classes : tuple[str, ...]
        Names of the classes to tell apart.
    arrival : {"at-once", "growing", "passing"}
        Which of a gateway's training flows are there in a round, `partitions.arrived`.
    rounds : int
        Over how many rounds they arrive.
    marked : int
        How far behind its vector a flow's vector with a backdoor's trigger stands; 0 where
        the attack has none.
    unseen_gateways : tuple of int
        Partition ids of those that never train.
    """

    flows: PreparedFlows
    split: Split
    plan: PartitionPlan
    classes: tuple[str, ...]
    arrival: Arrival = "at-once"
    rounds: int = 1
    marked: int = 0
    unseen_gateways: tuple[int, ...] = ()

    @classmethod
    def open(cls, config: Config) -> FederatedDataset:
        """Load, split and deal the flows as the settings, or a plan file, say.

        A folder of flow files comes dealt.

        Raises
        ------
        DataError, PartitionError, ConfigError
            The flows cannot be read, split or dealt so, or there is no such attack.
        """
        if comes_dealt(config):
            return cls._of(config, *folder_flows(config))
        seed = config.run.seed
        flows = load_flows(config.data, seed)
        how, share = config.data.split, config.data.test_share
        split = split_flows(flows, how, share, generator(seed, Stream.SPLIT))
        partition = config.partition
        if partition.plan:
            plan = open_plan(Path(partition.plan), flows, partition.gateways)
        else:
            rng = generator(seed, Stream.PARTITION)
            plan = deal_flows(
                partition.scheme,
                traffic_of(flows),
                gateways=partition.gateways,
                settings=partition.settings,
                minimum=partition.minimum,
                rng=rng,
            )
        if plan.scheme == "noise":
            rng = generator(seed, Stream.PARTITION, 1)
            flows = _with_noise(flows, split, plan, noise_level(partition.settings), rng)
        return cls._of(config, flows, split, plan)

    @classmethod
    def open_gateway(cls, config: Config, path: Path, partition_id: int) -> FederatedDataset:
        """Open the flows of one gateway of a deployment; no other gateway has any here.

        Raises
        ------
        DataError
            They cannot be read, or not be split so.
        """
        return cls._of(config, *gateway_flows(config, path, partition_id))

    @classmethod
    def _of(
        cls, config: Config, flows: PreparedFlows, split: Split, plan: PartitionPlan
    ) -> FederatedDataset:
        share, how = config.data.validation_share, config.data.split
        unseen = _unseen_gateways(config, plan)
        split = _held_out(config, flows, split, plan, unseen)
        if share:
            owners, seed = plan.assignment, config.run.seed
            carved = carve_all(flows, split.test, owners, how=how, share=share, seed=seed)
            split = replace(split, validation=carved)
            if config.data.score_on == "validation":
                kept, split = drop_test(flows, split)
                flows, plan = flows.take(kept), replace(plan, assignment=owners[kept])
        flows, marked = _with_trigger(flows, config)
        names, rounds = told_apart(flows.classes, config), config.federation.rounds
        arrival = config.partition.arrival
        return cls(flows, split, plan, names, arrival, rounds, marked, unseen)

    def pooled(self) -> FederatedDataset:
        """Return the data set of one gateway that owns all flows, for the centralised arm."""
        everything = np.zeros(len(self.flows), np.int32)
        return replace(self, plan=PartitionPlan("pooled", everything, 1))

    @property
    def gateways(self) -> int:
        """Number of gateways ``K``."""
        return self.plan.gateways

    @property
    def poison_context(self) -> PoisonContext:
        """What a malicious client needs to falsify its windows."""
        return PoisonContext(len(self.classes), self.marked)

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """``(N,) int32`` class of each flow, among `classes`."""
        attack = np.asarray(self.flows.attack)
        return (attack if self.classes == self.flows.classes else attack != BENIGN).astype(np.int32)

    @property
    def training_sizes(self) -> tuple[int, ...]:
        """Number of training windows of each gateway when all have arrived."""
        owners = self.plan.assignment[self.split.training]
        return tuple(np.bincount(owners, minlength=self.gateways).tolist())

    def training(self, partition_id: int, server_round: int | None = None) -> Windows:
        """Return a gateway's training windows.

        Parameters
        ----------
        partition_id : int
            The gateway.
        server_round : int, optional
            Those that are there in this round, from 1; all without one, or with 0. No
            window reaches back to flows that a round does not have.
        """
        rows = self.plan.rows(partition_id)
        rows = rows[self.split.training[rows]]
        if server_round:
            rows = rows[arrived(len(rows), server_round, self.rounds, self.arrival)]
        return self._windows(rows)

    def testing(self, partition_id: int) -> Windows:
        """Return a gateway's test windows."""
        rows = self.plan.rows(partition_id)
        return self._windows(rows[self.split.test[rows]])

    def validating(self, partition_id: int) -> Windows | None:
        """Return a gateway's validation windows; None in a run without validation flows."""
        if self.split.validation is None:
            return None
        rows = self.plan.rows(partition_id)
        return self._windows(rows[self.split.validation[rows]])

    def novel(self, partition_id: int) -> NDArray[np.bool_]:
        """Return which of a gateway's test windows end in a novel flow."""
        rows = self.plan.rows(partition_id)
        novel: NDArray[np.bool_] = self.split.novel[rows[self.split.test[rows]]]
        return novel

    def moments(self, partition_id: int) -> Moments:
        """Sum up a gateway's training flows, for the scaler.

        Where flows arrive over the rounds these are the flows of round 1: the scaler is
        fitted before it, and must not know what comes later.
        """
        return Moments.of(self.flows.vectors, self.training(partition_id, server_round=1))

    def initial_support(self, partition_id: int) -> NDArray[np.int64]:
        """Count the flows of `moments` by class, ``(C,)``, for the class weights.

        Where flows arrive over the rounds, each class counts one flow more, so that one
        that is not there in round 1 has a weight, a large one, when it comes.
        """
        support = self.support(self.training(partition_id, server_round=1))
        return support if self.arrival == "at-once" else support + 1

    def support(self, windows: Windows) -> NDArray[np.int64]:
        """Count windows by class, ``(C,)``."""
        return np.bincount(windows.labels, minlength=len(self.classes))

    def _windows(self, rows: NDArray[np.int64]) -> Windows:
        return Windows(np.asarray(self.flows.vector[rows]), self.labels[rows])


def _unseen_gateways(config: Config, plan: PartitionPlan) -> tuple[int, ...]:
    """Draw the gateways that never train."""
    count = config.partition.unseen_gateways
    if not count:
        return ()
    if count >= plan.gateways:
        raise PartitionError(
            f"expected partition.unseen_gateways below the {plan.gateways} gateways, got {count}; "
            "leave some to train"
        )
    rng = generator(config.run.seed, Stream.PARTITION, 2)
    return tuple(sorted(rng.permutation(plan.gateways)[:count].tolist()))


def _held_out(
    config: Config,
    flows: PreparedFlows,
    split: Split,
    plan: PartitionPlan,
    unseen: tuple[int, ...],
) -> Split:
    """Make test flows of a class and of gateways that training is never to see."""
    if name := config.data.unseen:
        held = np.asarray(flows.attack) == unseen_class(name, flows.classes)
        split = hold_out(flows, split, held, name)
    if unseen:
        what = f"gateways {', '.join(map(str, unseen))}"
        split = hold_out(flows, split, np.isin(plan.assignment, unseen), what)
    return split


def unseen_class(name: str, classes: tuple[str, ...]) -> int:
    """Return the code of the class of ``data.unseen``.

    Raises
    ------
    ConfigError
        It is no attack of this data set.
    """
    if name not in classes[1:]:
        near = difflib.get_close_matches(name, classes[1:], n=1)
        hint = f"did you mean {near[0]!r}?" if near else "choose one of them"
        raise ConfigError(
            f"expected data.unseen among {', '.join(classes[1:])}, got {name!r}; {hint}"
        )
    return classes.index(name)


def _with_trigger(flows: PreparedFlows, config: Config) -> tuple[PreparedFlows, int]:
    """Add every vector with the trigger as well, if the attack has one."""
    if not find_attack(config.attack.kind).trigger:
        return flows, 0
    spec = find_dataset(flows.origin.dataset)
    trigger = parse_trigger(config.attack.trigger, spec, flows.origin.shown)
    return add_triggered(flows, trigger, spec), len(flows.vectors)


def traffic_of(flows: PreparedFlows) -> Traffic:
    """Return what a partitioner may know of flows: classes, raw feature columns and hosts."""
    known = bool(flows.hosts)
    return Traffic(
        np.asarray(flows.attack),
        np.asarray(flows.vector),
        flows.raw,
        flows.columns,
        np.asarray(flows.source) if known else None,
        np.asarray(flows.destination) if known else None,
        flows.hosts,
        flows.classes,
    )


def _with_noise(
    flows: PreparedFlows, split: Split, plan: PartitionPlan, level: float, rng: np.random.Generator
) -> PreparedFlows:
    """Make a vector for every flow, with the noise of its gateway, 1 to K of K.

    Test flows are as noisy as training flows: the same gateway measures them. Raw columns
    keep their values.
    """
    if not level:
        return flows
    vector = np.asarray(flows.vector)
    trained = Windows(vector[~split.test], vector[~split.test])
    moments = Moments.of(flows.vectors, trained)
    mean = moments.sums / moments.count
    deviation = np.sqrt(np.maximum(moments.squares / moments.count - mean**2, 0.0))
    levels = level * (plan.assignment + 1) / plan.gateways
    return replace(
        flows,
        raw=flows.raw[vector],
        vectors=noisy_vectors(flows.vectors[vector], deviation, levels, rng),
        vector=np.arange(len(flows), dtype=np.int32),
    )


def comes_dealt(config: Config) -> bool:
    """Return whether the flows of a simulation are a folder with a file for each gateway."""
    return config.partition.scheme == FILES or bool(
        config.data.path and Path(config.data.path).is_dir()
    )


def checksum(path: Path) -> str:
    """Return the SHA-256 of a flow file, or of all flow files of a folder together.

    Raises
    ------
    DataError
        There is none, or it cannot be read.
    """
    return _sha256(gateway_files(path)) if path.is_dir() else file_sha256(path)


def gateway_flows(config: Config, path: Path, partition_id: int) -> Dealt:
    """Read and split the flows of one gateway of a deployment, which are all that it has.

    Parameters
    ----------
    config : Config
        Settings of the run; ``data.path`` is not read.
    path : Path
        The gateway's flow file.
    partition_id : int
        Which gateway: its place among ``partition.gateways``.

    Raises
    ------
    DataError
        The file cannot be read, or has too few flows to train and to test on.
    """
    flows, split = _load(config, path, partition_id)
    owner = np.full(len(flows), partition_id, np.int32)
    return flows, split, PartitionPlan(FILES, owner, config.partition.gateways)


def folder_flows(config: Config) -> Dealt:
    """Read and split the flows of all gateways from a folder, ``data.path``.

    Raises
    ------
    DataError
        There is no such folder, its checksum is another, a file cannot be read, or has too
        few flows, or the files are of different versions.
    PartitionError
        Other settings ask for another deal.
    """
    folder = Path(config.data.path)
    files = _listed(config, folder)
    sha256 = _sha256(files)
    if config.data.sha256 not in ("", sha256):
        raise DataError(
            f"expected files of SHA-256 {config.data.sha256} together in {folder}, got {sha256}; "
            "restore the files, or correct data.sha256"
        )
    config = _of_one_dataset(config, files)
    loaded = [_load(config, file, k) for k, file in enumerate(files)]
    parts = [flows for flows, _ in loaded]
    check_versions(list(zip(files, parts, strict=True)))
    origin = replace(parts[0].origin, path=str(folder), sha256=sha256)
    taken = f"{config.data.flows} {config.run.seed}" if config.data.flows else "all"
    recipe = f"folder {sha256} {config.data.dataset} {config.data.features} {taken}"
    specs = candidates(config.data.dataset)
    flows = cached(recipe, lambda: join_flows(parts, origin), specs)
    owner = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    return (
        replace(flows, origin=origin),
        _joined([split for _, split in loaded]),
        PartitionPlan(FILES, owner, len(parts)),
    )


def _of_one_dataset(config: Config, files: Sequence[Path]) -> Config:
    """Recognise the data set of all files together, which single ones may be too few for."""
    if config.data.dataset != AUTO:
        return config
    parts = [load_flows(_alone(config, file), config.run.seed) for file in files]
    names = {part.origin.dataset for part in parts}
    if len(names) > 1:
        there = {part.classes[code] for part in parts for code in np.unique(part.attack).tolist()}
        layouts = {part.origin.version for part in parts}
        names = {
            spec.name
            for spec in all_datasets()
            if there <= spec.codes.keys() and layouts <= spec.feature_sets.keys()
        }
    if not names:
        raise DataError(
            "expected flow files of one data set in a folder, got classes "
            f"{', '.join(sorted(there))}"
            "; name the data set with data.dataset, or leave files out"
        )
    chosen = next(name for name in DATASETS.names() if name in names)
    data = config.data.model_copy(update={"dataset": chosen})
    return config.model_copy(update={"data": data})


def _alone(config: Config, path: Path) -> DataConfig:
    return config.data.model_copy(update={"path": str(path), "sha256": ""})


def _sha256(files: Sequence[Path]) -> str:
    return join_checksums([(file.name, file_sha256(file)) for file in files])


def _listed(config: Config, folder: Path) -> tuple[Path, ...]:
    """List the files, and see that no setting contradicts them."""
    partition = config.partition
    if not config.data.path or not folder.is_dir():
        raise DataError(
            f"expected a folder with a flow file for each gateway for partition.scheme={FILES}, "
            f"got {config.data.path or 'none'}; name it with --data, or take another scheme"
        )
    files = gateway_files(folder)
    wrong = {
        f"partition.scheme {partition.scheme}": partition.scheme != FILES,
        f"partition.plan {partition.plan}": bool(partition.plan),
        f"{partition.gateways} gateways": partition.gateways != len(files),
    }
    found = [name for name, is_wrong in wrong.items() if is_wrong]
    if found:
        raise PartitionError(
            f"expected partition.scheme {FILES} and {len(files)} gateways for the {len(files)} "
            f"flow files of {folder}, got {found[0]}; leave both settings and partition.plan out"
        )
    return files


def _load(config: Config, path: Path, partition_id: int) -> tuple[PreparedFlows, Split]:
    """Read one gateway's file; its test flows are drawn from a generator of its own."""
    data, seed = config.data, config.run.seed
    flows = load_flows(_alone(config, path), seed)
    if len(flows) < 2:
        raise DataError(
            f"expected at least 2 flows in {path}, one to train and one to test on, got "
            f"{len(flows)}; give this gateway more, or leave it out"
        )
    rng = generator(seed, Stream.SPLIT, partition_id)
    try:
        return flows, split_flows(flows, data.split, data.test_share, rng)
    except FednidsError as error:
        raise DataError(f"{path.name}: {error}") from None


def _joined(splits: Sequence[Split]) -> Split:
    """Put splits behind one another; a flow is novel against its own gateway's flows."""
    return Split(
        np.concatenate([split.test for split in splits]),
        np.concatenate([split.novel for split in splits]),
    )
