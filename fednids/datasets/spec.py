"""What a data set is: its columns, its classes, and how a detector is shown a flow.

A data set is one `DatasetSpec` in a file of its own, registered in
`fednids.extensions.DATASETS`. Reading, encoding, audit, partitions and scores know nothing of a
data set but what its spec says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.encoders import ColumnValues, Derived, Encoder, Log
from fednids.errors import ConfigError

Role = Literal["feature", "identifier", "address", "time", "label", "origin"]
"""What a column may be used for. A *feature* may be shown to a detector. An *identifier*, as a
port, gives the scenario away and an *address* names a machine: neither is ever a feature. A
*time* orders flows. A *label* is what a detector has to find: one of texts, the class, and at
most one of numbers, 0 for benign and 1 for attacks. An *origin* names the data set that a flow
was taken from; it is not read."""

Type = Literal["float", "integer", "text"]


@dataclass(frozen=True)
class Column:
    """One column of a flow file.

    Attributes
    ----------
    name : str
        Header in the file.
    role : Role
        What the column may be used for.
    type : {"float", "integer", "text"}
        Of its values. Addresses and origins are texts whatever stands here.
    unit : str
        Unit of its values, ``""`` for codes and names, between which a distance means nothing.
    meaning : str
        One line for people.
    least, most : float
        Range of its values, both ends in it; not used for texts.
    encoder : Encoder
        How a feature's values become what a detector sees.
    wraps : float
        Where values wrap: those in the upper half are this number less the true value. 0 where
        they do not.
    optional : bool
        Whether a file may be without it.
    loss : str
        What is lost without an optional column, where its features are not all.
    """

    name: str
    role: Role
    type: Type = "float"
    unit: str = ""
    meaning: str = ""
    least: float = 0.0
    most: float = float("inf")
    encoder: Encoder = field(default_factory=Log)
    wraps: float = 0.0
    optional: bool = False
    loss: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the values are names and not numbers."""
        return self.type == "text" or self.role in ("address", "origin")

    @property
    def stem(self) -> str:
        """How the names of its features begin where its encoder says nothing else."""
        return self.name.lower()

    def unwrapped(self, values: ColumnValues) -> ColumnValues:
        """Return ``(N,)`` true values for those of a file; 0 stays 0."""
        if not self.wraps:
            return values
        return np.where(values > self.wraps / 2, np.maximum(self.wraps - values, 0.0), values)


@dataclass(frozen=True)
class Rule:
    """What some columns together cannot be; an audit counts the flows that break it.

    Attributes
    ----------
    columns : tuple of str
        Names; the rule is applied where the file has them all.
    broken : Callable
        From their ``(N,) float64`` values to ``(N,) bool``, true where it is broken.
    text, advice : str
        What the flows have that break it, and what to do.
    harmless : bool
        Whether fednids copes with it.
    """

    columns: tuple[str, ...]
    broken: Callable[..., NDArray[np.bool_]] = field(repr=False, compare=False)
    text: str
    advice: str
    harmless: bool = False


@dataclass(frozen=True)
class PublishedFile:
    """A file of the data set as it was published.

    Attributes
    ----------
    title : str
        What it is, for people.
    sha256 : str
        Its checksum in lower-case hexadecimal.
    size : int
        Its length in bytes.
    """

    title: str
    sha256: str
    size: int


@dataclass(frozen=True)
class DatasetSpec:
    """A data set.

    Attributes
    ----------
    name : str
        As in ``data.dataset``, and as it is registered.
    columns : tuple of Column
        All columns that a file may have. Either no address or two, source and destination.
    classes : tuple of str
        Names of the classes, benign among them; kept with the benign one first, so that code 0
        is benign everywhere.
    benign : str
        Which of them is no attack.
    title : str
        What people call it; the name where it is empty.
    feature_sets : Mapping
        Names of feature columns by the name of the set, as ``data.features`` chooses it, the
        first without a choice. A file has the columns of one set, besides all that are no
        features. Empty for one set of all features, ``all``.
    derived : tuple of Derived
        Features of several columns together.
    spellings : Mapping
        Class by what may stand in a file in its place.
    other_columns : bool
        Whether a file may have columns that are not listed here; they are not read.
    rules : tuple of Rule
        What flows cannot be.
    published : tuple of PublishedFile
        Files whose checksum is known.
    synthesiser : str
        ``module:function`` that makes flows, ``(flows, rng) -> FlowTable``; empty for none.
    trigger : str
        How a backdoor marks flows where ``attack.trigger`` says nothing, ``COLUMN=VALUE,...``;
        empty where it has to be said.
    source : str
        Where it comes from and on which terms.

    Raises
    ------
    ConfigError
        Something of this does not fit together; one line.
    """

    name: str
    columns: tuple[Column, ...]
    classes: tuple[str, ...]
    benign: str
    title: str = ""
    feature_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    derived: tuple[Derived, ...] = ()
    spellings: Mapping[str, str] = field(default_factory=dict)
    other_columns: bool = False
    rules: tuple[Rule, ...] = ()
    published: tuple[PublishedFile, ...] = ()
    synthesiser: str = ""
    trigger: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        """Check that all fits together, and put the benign class first."""
        for expected, came, remedy in self._faults():
            raise ConfigError(f"data set {self.name!r}: expected {expected}, got {came}; {remedy}")
        attacks = tuple(name for name in self.classes if name != self.benign)
        own = tuple(column.name for column in self.columns if column.role == "feature")
        object.__setattr__(self, "classes", (self.benign, *attacks))
        object.__setattr__(self, "title", self.title or self.name)
        object.__setattr__(self, "feature_sets", dict(self.feature_sets) or {"all": own})
        for name, columns in self.feature_sets.items():
            _check_encoding(self, name, columns)

    def _faults(self) -> list[tuple[str, str, str]]:
        names = [column.name for column in self.columns]
        roles = Counter(column.role for column in self.columns)
        targets = [column.is_text for column in self.columns if column.role == "label"]
        sets = {each for columns in self.feature_sets.values() for each in columns}
        features = {column.name for column in self.columns if column.role == "feature"}
        found = [
            (not self.name, "a name", "none", "give it one"),
            *(
                (n > 1, "each column once", f"{name!r} {n} times", "leave the others out")
                for name, n in Counter(names).items()
            ),
            *(
                (
                    column.role not in get_args(Role) or column.type not in get_args(Type),
                    f"a known role and type for column {column.name!r}",
                    f"{column.role!r} and {column.type!r}",
                    f"choose among {', '.join(get_args(Role))}, and {', '.join(get_args(Type))}",
                )
                for column in self.columns
            ),
            *(
                (
                    column.role == "feature"
                    and (column.is_text or not callable(getattr(column.encoder, "encode", None))),
                    f"numbers and an encoder for feature {column.name!r}",
                    f"type {column.type!r} and {column.encoder!r}",
                    "make it an identifier, or take an encoder of fednids.datasets.encoders",
                )
                for column in self.columns
            ),
            *(
                (
                    not column.least < column.most,
                    f"a range of values for column {column.name!r}",
                    f"{column.least:g} to {column.most:g}",
                    "correct least and most",
                )
                for column in self.columns
            ),
            (
                not roles["feature"],
                "a column of role 'feature'",
                "none",
                "say what a detector is shown",
            ),
            (
                sum(targets) != 1 or len(targets) > 2,
                "one label of type 'text', the class, and at most one of numbers",
                f"{sum(targets)} and {len(targets) - sum(targets)}",
                "correct the columns of role 'label'",
            ),
            (
                roles["address"] not in (0, 2),
                "no address or two, source and destination",
                str(roles["address"]),
                "correct the columns of role 'address'",
            ),
            (
                not 2 <= len(set(self.classes)) == len(self.classes) <= 255,
                "2 to 255 different classes",
                ", ".join(map(repr, self.classes)) or "none",
                "correct classes",
            ),
            (
                self.benign not in self.classes,
                f"benign to be one of {', '.join(self.classes)}",
                repr(self.benign),
                "name the class that is no attack",
            ),
            *(
                (name not in self.classes, f"a class for {spelling!r}", repr(name), "correct it")
                for spelling, name in self.spellings.items()
            ),
            (
                bool(sets - features) or not all(self.feature_sets.values()),
                "feature columns in each of feature_sets",
                ", ".join(map(repr, sorted(sets - features))) or "an empty one",
                "correct feature_sets",
            ),
            *(
                (
                    not set(each.columns) <= features,
                    "derived features of feature columns",
                    ", ".join(map(repr, each.columns)),
                    "correct derived",
                )
                for each in self.derived
            ),
        ]
        return [(expected, came, remedy) for wrong, expected, came, remedy in found if wrong]

    @cached_property
    def codes(self) -> dict[str, int]:
        """Code of every text that may stand for a class."""
        own = {name: code for code, name in enumerate(self.classes)}
        return {**{text: own[name] for text, name in self.spellings.items()}, **own}

    @cached_property
    def target(self) -> Column:
        """The column of the classes."""
        return next(c for c in self.columns if c.role == "label" and c.is_text)

    @cached_property
    def label(self) -> Column | None:
        """The column of 0 and 1, if there is one."""
        return next((c for c in self.columns if c.role == "label" and not c.is_text), None)

    @cached_property
    def addresses(self) -> tuple[Column, ...]:
        """The columns of source and destination, or none."""
        return tuple(column for column in self.columns if column.role == "address")

    def column(self, name: str) -> Column:
        """Return a column by its name; raises KeyError where there is none."""
        return {column.name: column for column in self.columns}[name]

    def layout(self, version: str) -> tuple[Column, ...]:
        """Return the columns that are read of a file with a feature set, in their order."""
        shown = self.feature_sets[version]
        return tuple(
            column
            for column in self.columns
            if column.role != "origin" and (column.role != "feature" or column.name in shown)
        )

    def required(self, version: str) -> tuple[str, ...]:
        """Return the names of the columns that a file with a feature set must have."""
        return tuple(column.name for column in self.layout(version) if not column.optional)

    def numbers(self, version: str) -> tuple[Column, ...]:
        """Return the columns of numbers of a file with a feature set, without a label."""
        return tuple(c for c in self.layout(version) if not c.is_text and c.role != "label")

    def encode(
        self, columns: Mapping[str, ColumnValues]
    ) -> tuple[tuple[str, ...], NDArray[np.float32]]:
        """Encode flows by their feature columns.

        Parameters
        ----------
        columns : Mapping[str, ndarray]
            ``(N,) float64`` each.

        Returns
        -------
        names, encoded : tuple[str, ...], ndarray
            Names of the features, and ``(N, F) float32``, not scaled.
        """
        features: dict[str, ColumnValues] = {}
        for name, values in columns.items():
            column = self.column(name)
            features.update(column.encoder.encode(column, values))
        for derived in self.derived:
            if set(derived.columns) <= set(columns):
                features.update(derived.encode(columns))
        names = tuple(sorted(features))
        return names, np.column_stack([features[name] for name in names]).astype(np.float32)

    def encoded_names(self, features: str) -> tuple[str, ...]:
        """Return the names of what a detector sees of a feature set, in order."""
        return self.encode({name: np.empty(0) for name in self.feature_sets[features]})[0]


def _check_encoding(spec: DatasetSpec, name: str, columns: tuple[str, ...]) -> None:
    """Encode no flow at all, to find encoders that fail or that give one name twice."""
    given: list[str] = []
    try:
        for each in columns:
            column = spec.column(each)
            given += column.encoder.encode(column, np.empty(0))
        nothing: dict[str, Any] = {each: np.empty(0) for each in columns}
        for derived in spec.derived:
            given += derived.encode(nothing) if set(derived.columns) <= set(columns) else ()
    except Exception as error:
        raise ConfigError(
            f"data set {spec.name!r}: expected encoders that encode no flows, got "
            f"{type(error).__name__}: {' '.join(str(error).split())}; correct them"
        ) from None
    twice = [feature for feature, count in Counter(given).items() if count > 1]
    if twice:
        raise ConfigError(
            f"data set {spec.name!r}: expected each feature of set {name!r} from one encoder, got "
            f"{twice[0]!r} from several; give the encoders other stems"
        )
