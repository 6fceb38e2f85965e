"""For every setting, values that are valid, and some that are not."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from fednids.config import Config, OpenSection

OPEN = {
    name: field.annotation
    for name, field in Config.model_fields.items()
    if field.annotation and issubclass(field.annotation, OpenSection)
}

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SIZES = st.none() | st.lists(st.integers(1, 512), min_size=1, max_size=4).map(tuple)


def above(least: float, most: float | None = None, *, most_too: bool = True) -> Any:
    return st.floats(
        least,
        most,
        exclude_min=True,
        exclude_max=not most_too,
        allow_nan=False,
        allow_infinity=False,
    )


def optional(least: int) -> Any:
    return st.none() | st.integers(least, 10**6)


VALID: dict[str, Any] = {
    "data.dataset": WORDS,
    "data.path": WORDS,
    "data.sha256": st.just("") | st.text("0123456789abcdef", min_size=64, max_size=64),
    "data.flows": st.integers(0, 10**9),
    "data.features": WORDS,
    "data.window": st.integers(1, 256),
    "data.split": st.sampled_from(["stratified", "grouped", "hosts", "blocks"]),
    "data.test_share": above(0, 1, most_too=False),
    "data.score_on": st.sampled_from(["test", "validation"]),
    "data.validation_share": st.floats(0, 0.5, exclude_max=True),
    "data.unseen": WORDS,
    "partition.gateways": st.integers(1, 100_000),
    "partition.minimum": st.integers(2, 10**6),
    "partition.unseen_gateways": st.integers(0, 10**6),
    "partition.arrival": st.sampled_from(["at-once", "growing", "passing"]),
    "partition.plan": WORDS,
    "model.classes": st.sampled_from(["all", "binary"]),
    "train.batch_size": st.integers(1, 65_536),
    "train.epochs": st.integers(1, 10**6),
    "train.learning_rate": above(0),
    "train.final_rate_share": above(0, 1),
    "train.optimiser": st.sampled_from(["adam", "sgd"]),
    "train.balance": st.floats(0, 1),
    "train.loss": st.sampled_from(["cross-entropy", "focal"]),
    "train.focal_gamma": st.floats(0, 10),
    "train.prior": st.sampled_from(["none", "federation", "own"]),
    "train.logit_adjustment": st.floats(0, 10),
    "train.absent_class": st.floats(0, 100),
    "train.answer_prior": st.floats(0, 1),
    "train.sampling": st.sampled_from(["auto", "all", "balanced", "square-root"]),
    "train.shuffle": st.booleans(),
    "train.stack": st.integers(0, 64),
    "federation.rounds": st.integers(1, 10**6),
    "federation.fraction": above(0, 1),
    "federation.recalibrate": st.sampled_from(["auto", "none", "head", "ccvr", "bias"]),
    "federation.recalibrate_balance": st.floats(0, 1),
    "federation.norm_bound": st.floats(0, 100),
    "federation.max_failures": st.floats(0, 1, exclude_max=True),
    "federation.timeout": st.floats(0, 1e6),
    "availability.trace": WORDS,
    "availability.pattern": st.sampled_from(["always", "random", "daily", "sessions"]),
    "availability.share": above(0, 1),
    "availability.day": st.integers(2, 1000),
    "availability.stay": st.floats(1, 1000),
    "availability.late": st.floats(0, 1, exclude_max=True),
    "availability.leaving": st.floats(0, 1, exclude_max=True),
    "availability.dropout_before": st.floats(0, 1, exclude_max=True),
    "availability.dropout_after": st.floats(0, 1, exclude_max=True),
    "clock.speed": st.floats(1e-6, 1e9),
    "clock.speed_spread": st.floats(0, 5),
    "clock.up": st.floats(1e-6, 1e6),
    "clock.down": st.floats(1e-6, 1e6),
    "clock.link_spread": st.floats(0, 5),
    "clock.latency": st.floats(0, 100),
    "clock.deadline": st.floats(0, 10**6),
    "clock.stragglers": st.sampled_from(["drop", "partial"]),
    "clock.oversample": st.floats(0, 10),
    "attack.kind": WORDS,
    "attack.share": st.floats(0, 0.5),
    "attack.schedule": st.sampled_from(["always", "late", "on-off"]),
    "attack.first_round": st.integers(1, 1000),
    "attack.period": st.integers(1, 1000),
    "attack.strength": st.floats(0, 1000),
    "attack.trigger": WORDS,
    "attack.poisoned": st.floats(0, 1),
    "wire.up": WORDS,
    "wire.down": WORDS,
    "wire.keep": above(0, 1),
    "deploy.gateways": st.sampled_from(["", "a", "b, a", "site-1,0-b"]),
    "deploy.wait_seconds": above(0, 1e6),
    "deploy.resume": st.booleans(),
    "run.seed": st.integers(0, 2**32 - 1),
    "run.engine": WORDS,
    "run.workers": st.integers(0, 1024),
    "run.patience": st.integers(0, 10**6),
    "run.keep": st.sampled_from(["last", "best"]),
    "run.false_alarms": st.floats(0, 1, exclude_max=True),
}

OWN: dict[str, Any] = {
    "strategy.mu": st.floats(0, allow_infinity=False),
    "strategy.calibration": st.floats(0, 100),
    "strategy.ntd_beta": st.floats(0, 100),
    "strategy.contrast": st.floats(0, 100),
    "strategy.radius": st.floats(0, 100),
    "strategy.temperature": above(0, 100),
    "strategy.base": st.sampled_from(["fedavg", "fednova"]),
    "strategy.server_learning_rate": above(0, 100),
    "strategy.server_momentum": st.floats(0, 1, exclude_max=True),
    "strategy.eta": above(0),
    "strategy.beta_1": st.floats(0, 1, exclude_max=True),
    "strategy.beta_2": st.floats(0, 1, exclude_max=True),
    "strategy.tau": above(0),
    "strategy.beta": st.floats(0, 0.5, exclude_max=True),
    "strategy.malicious": st.integers(0, 10**6),
    "strategy.select": st.integers(0, 10**6),
    "strategy.clip_norm": st.floats(0, allow_infinity=False),
    "strategy.smoothing": above(0),
    "strategy.iterations": st.integers(1, 1000),
    "strategy.q": st.floats(0, 100),
    "strategy.lipschitz": above(0),
    "strategy.alpha": above(0),
    "strategy.ditto_lambda": st.floats(0, 100),
    "strategy.personal_layers": st.integers(1, 2),
    "strategy.clusters": st.integers(1, 16),
    "strategy.root_flows": st.integers(1, 10**6),
    "model.preset": WORDS,
    "model.channels": SIZES,
    "model.kernel": optional(1),
    "model.pools": SIZES,
    "model.hidden": optional(1),
    "model.dense": optional(0),
    "model.dropout": st.none() | st.floats(0, 1, exclude_max=True),
    "model.readout": st.sampled_from([None, "last", "states", "mean"]),
    "model.parts": st.sampled_from(["both", "cnn", "bilstm"]),
    "partition.alpha": st.floats(1e-6, 1e6),
    "partition.classes_per_gateway": st.integers(1, 9),
    "partition.shards_per_gateway": st.integers(1, 10**6),
    "partition.spread": st.floats(0, 10),
    "partition.feature": WORDS,
    "partition.strength": st.floats(0, 1),
    "partition.noise": st.floats(0, 100),
    "partition.withheld": WORDS,
    "partition.withheld_share": st.floats(0, 1),
    "partition.host_side": st.sampled_from(["source", "destination"]),
    "partition.prefix": st.integers(1, 32),
    "partition.label_scheme": st.sampled_from(["dirichlet", "shards", "withheld"]),
    "partition.size_scheme": st.sampled_from(["iid", "power-law", "quantity"]),
}
"""Settings of the members of registries."""

OF_MEMBER: dict[tuple[str, str], Any] = {
    ("mlp", "model.hidden"): SIZES.filter(bool),
    ("mlp", "model.dropout"): st.floats(0, 1, exclude_max=True),
    ("cnn-gru", "model.channels"): st.integers(1, 512),
    ("cnn-gru", "model.kernel"): st.integers(1, 9),
    ("cnn-gru", "model.hidden"): st.integers(1, 512),
    ("cnn-gru", "model.dropout"): st.floats(0, 1, exclude_max=True),
}
"""Settings that a member means otherwise than others do."""


@st.composite
def settings(draw: Any) -> dict[str, Any]:
    """Draw valid settings: one member of each registry, and what it has."""
    found = draw(st.fixed_dictionaries(VALID))
    for section, group in OPEN.items():
        member = draw(st.sampled_from(group.registry.names()))
        found[f"{section}.{group.choice}"] = member
        for key in group.member_settings(member).model_fields:
            name = f"{section}.{key}"
            found[name] = draw(OF_MEMBER.get((member, name), OWN[name]))
    return found


def chosen(name: str) -> dict[str, str]:
    """Choose a member that has a setting; nothing for settings that all runs have."""
    section, _, key = name.partition(".")
    if name not in OWN:
        return {}
    group = OPEN[section]
    members = [
        each for each in group.registry.names() if key in group.member_settings(each).model_fields
    ]
    return {f"{section}.{group.choice}": members[0]}


WRONG: list[tuple[str, object]] = [
    ("data.sha256", "ABC"),
    ("data.flows", -1),
    ("data.flows", "many"),
    ("data.flows", 1.5),
    ("data.window", 0),
    ("data.window", 257),
    ("data.split", "random"),
    ("data.test_share", 0),
    ("data.test_share", 1),
    ("data.path", 5),
    ("partition.gateways", 0),
    ("partition.gateways", 100_001),
    ("partition.alpha", 0),
    ("partition.alpha", float("nan")),
    ("partition.alpha", "inf"),
    ("partition.classes_per_gateway", 0),
    ("partition.spread", -0.1),
    ("partition.strength", 1.1),
    ("partition.noise", -1),
    ("partition.withheld_share", 2),
    ("partition.host_side", "both"),
    ("partition.prefix", 33),
    ("partition.minimum", 1),
    ("partition.arrival", "late"),
    ("model.classes", 3),
    ("model.classes", "7"),
    ("model.classes", "9" * 5000),
    ("model.channels", []),
    ("model.channels", "16,,32"),
    ("model.channels", [16, 0]),
    ("model.channels", 16),
    ("model.channels", " "),
    ("model.kernel", 0),
    ("model.hidden", "wide"),
    ("model.dropout", 1),
    ("model.readout", "first"),
    ("train.batch_size", 65_537),
    ("train.epochs", 0),
    ("train.learning_rate", -1),
    ("train.final_rate_share", 0),
    ("train.optimiser", "adamw"),
    ("train.balance", 1.01),
    ("train.loss", "hinge"),
    ("train.focal_gamma", -0.1),
    ("train.prior", "mine"),
    ("train.logit_adjustment", 10.1),
    ("train.absent_class", -1),
    ("train.answer_prior", 1.1),
    ("train.sampling", "some"),
    ("train.shuffle", "perhaps"),
    ("train.shuffle", 2),
    ("train.stack", -1),
    ("train.stack", 65),
    ("train.stack", "all"),
    ("federation.rounds", 0),
    ("federation.fraction", 0),
    ("federation.fraction", "all\nof\nthem"),
    ("strategy.mu", -0.1),
    ("strategy.base", "fedmedian"),
    ("strategy.calibration", -1),
    ("strategy.radius", -0.1),
    ("strategy.temperature", 0),
    ("strategy.server_learning_rate", 0),
    ("strategy.server_momentum", 1),
    ("strategy.eta", 0),
    ("strategy.beta_1", 1),
    ("strategy.beta_2", -0.1),
    ("strategy.tau", 0),
    ("strategy.beta", 0.5),
    ("strategy.malicious", -1),
    ("strategy.malicious", 0.5),
    ("strategy.select", -1),
    ("strategy.clip_norm", -1),
    ("strategy.smoothing", 0),
    ("strategy.iterations", 0),
    ("federation.max_failures", 1),
    ("availability.pattern", "weekly"),
    ("availability.share", 0),
    ("availability.day", 1),
    ("availability.stay", 0.5),
    ("availability.late", 1),
    ("availability.dropout_after", 1),
    ("clock.speed", 0),
    ("clock.speed_spread", 6),
    ("clock.latency", -1),
    ("clock.deadline", -1),
    ("clock.stragglers", "wait"),
    ("clock.oversample", 11),
    ("wire.keep", 0),
    ("wire.keep", 1.1),
    ("wire.up", 5),
    ("deploy.gateways", "a,a"),
    ("deploy.gateways", "a,,b"),
    ("deploy.gateways", "A"),
    ("deploy.gateways", "-a"),
    ("deploy.gateways", "a" * 33),
    ("deploy.wait_seconds", 0),
    ("run.seed", -1),
    ("run.seed", 2**32),
    ("run.workers", -1),
    ("run.false_alarms", 1),
    ("run.engine", None),
    ("run.engine", {"name": "ray"}),
    ("attack.share", 0.51),
    ("attack.schedule", "never"),
    ("attack.first_round", 0),
    ("attack.strength", -1),
    ("attack.poisoned", 1.1),
]
