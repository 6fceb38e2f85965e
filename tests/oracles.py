"""Slow, obviously right twins of the clever parts, for tests to compare with.

One section per package. An oracle follows the definition with plain loops and shares no code
with what it checks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

# --- partitions ---------------------------------------------------------------------------------


def dirichlet_by_definition(labels, gateways, alpha, rng):
    """Deal one flow after another, ``(N,)``, by Yurochkin et al. 2019, without a minimum.

    For each class: K gamma draws over their sum are its Dirichlet shares; its shuffled flows
    go to gateway 0 until its share is used up, then to gateway 1, and so on.
    """
    assignment = [-1] * len(labels)
    for code in sorted(set(labels.tolist())):
        flows = [flow for flow in range(len(labels)) if labels[flow] == code]
        rng.shuffle(flows)
        weights = [rng.gamma(alpha) for _ in range(gateways)]
        for place, flow in enumerate(flows):
            gateway, used = 0, weights[0]
            while gateway < gateways - 1 and (place + 0.5) / len(flows) > used / sum(weights):
                gateway += 1
                used += weights[gateway]
            assignment[flow] = gateway
    return np.array(assignment)


def skim_one_by_one(sizes, amount):
    """Take one at a time from the largest size, of equal ones the first; give what each gave."""
    left = list(sizes)
    for _ in range(amount):
        left[left.index(max(left))] -= 1
    return [before - after for before, after in zip(sizes, left, strict=True)]


def most_gateways_by_trial(totals, each):
    """Return the largest K whose ``K * each`` places can be filled, each with another class."""
    possible = 0
    for gateways in range(1, sum(totals) + 1):
        if sum(min(total, gateways) for total in totals) >= gateways * each:
            possible = gateways
    return possible


# --- fednids.metrics ----------------------------------------------------------------------------


def confusion_by_loop(true, predicted, classes):
    """Count pairs of true and predicted class one by one, as C lists of C integers."""
    cells = [[0] * classes for _ in range(classes)]
    for row, column in zip(true, predicted, strict=True):
        cells[int(row)][int(column)] += 1
    return cells


# --- aggregation ---------------------------------------------------------------------------


def weighted_mean(updates: list[np.ndarray], examples: list[int]) -> np.ndarray:
    """FedAvg, weight by weight."""
    total = sum(examples)
    return np.array(
        [
            sum(n * float(update[place]) for update, n in zip(updates, examples, strict=True))
            / total
            for place in range(len(updates[0]))
        ]
    )


# --- fednids.networks ---------------------------------------------------------------------------
#
# The plain network: each convolution has a weight (out, in, k), the LSTM has both directions,
# all four gates in the order i, f, g, o and two biases, as in nn.Conv1d and nn.LSTM.


def plain_parameters(architecture, weights, rng):
    """Spread flat weights over the plain network; `rng` draws all that the flat weights leave out.

    Those are the split of each bias of the LSTM in two and, with readout ``last``, the reverse
    direction's recurrent weights and forget gate.
    """
    parts, plain = dict(architecture.layout.unpack(weights)), {}
    hidden = architecture.network.hidden
    inputs = (architecture.features, *architecture.network.channels)
    for place, (width, channels) in enumerate(
        zip(inputs, architecture.network.channels, strict=False), 1
    ):
        taps = parts.pop(f"conv{place}.weight").reshape(
            architecture.network.kernel, width, channels
        )
        plain[f"conv{place}.weight"] = taps.transpose(2, 1, 0)
        plain[f"conv{place}.bias"] = parts.pop(f"conv{place}.bias")
    if architecture.network.readout == "last" and hidden:
        three, bias = parts.pop("lstm.reverse.input"), parts.pop("lstm.reverse.bias")
        full = rng.normal(size=(4 * hidden, len(three))).astype(np.float32)
        full_bias = rng.normal(size=4 * hidden).astype(np.float32)
        for gate, place in enumerate((0, 2, 3)):
            columns = slice(gate * hidden, (gate + 1) * hidden)
            full[place * hidden : (place + 1) * hidden] = three[:, columns].T
            full_bias[place * hidden : (place + 1) * hidden] = bias[columns]
        parts["lstm.reverse.input"], parts["lstm.reverse.bias"] = full, full_bias
        recurrent = rng.normal(size=(4 * hidden, hidden)).astype(np.float32)
        parts["lstm.reverse.hidden"] = recurrent
    for direction in ("forward", "reverse") if hidden else ():
        second = rng.normal(size=4 * hidden).astype(np.float32)
        plain[f"{direction}.input"] = parts.pop(f"lstm.{direction}.input")
        plain[f"{direction}.hidden"] = parts.pop(f"lstm.{direction}.hidden")
        plain[f"{direction}.bias1"] = parts.pop(f"lstm.{direction}.bias") - second
        plain[f"{direction}.bias2"] = second
    for name, part in parts.items():
        plain[name] = part.T
    return plain


def flat_gradient(architecture, plain):
    """Bring gradients of the plain network into the order of the flat weights."""
    hidden, parts = architecture.network.hidden, {}
    for name, gradient in plain.items():
        if name.startswith("conv") and name.endswith("weight"):
            parts[name] = gradient.transpose(2, 1, 0).reshape(-1, len(gradient))
        elif name.split(".")[0] in ("forward", "reverse"):
            parts[f"lstm.{name.replace('bias1', 'bias')}"] = gradient
        else:
            parts[name] = gradient.T
    if architecture.network.readout == "last" and hidden:
        gates = [slice(place * hidden, (place + 1) * hidden) for place in (0, 2, 3)]
        full, bias = parts["lstm.reverse.input"], parts["lstm.reverse.bias"]
        parts["lstm.reverse.input"] = np.concatenate([full[gate] for gate in gates]).T
        parts["lstm.reverse.bias"] = np.concatenate([bias[gate] for gate in gates])
    return np.concatenate(
        [parts[parameter.name].ravel() for parameter in architecture.layout.parameters]
    )


def windows_by_loop(vectors, order, window):
    """Copy out every window, ``(n, T, F)``: the flow, those before it, the first one repeated."""
    return np.array(
        [
            [vectors[order[max(end - back, 0)]] for back in reversed(range(window))]
            for end in range(len(order))
        ]
    )


def logits_by_loops(architecture, plain, windows):
    """Compute the plain network's logits ``(n, C)`` in float64, one window after another."""
    return np.array([_logits_of_one(architecture, plain, w.astype(np.float64)) for w in windows])


def _logits_of_one(architecture, plain, steps):
    for place, pool in enumerate(architecture.network.pools, 1):
        weight, bias = plain[f"conv{place}.weight"], plain[f"conv{place}.bias"]
        reach = architecture.network.kernel // 2
        responses = []
        for step in range(len(steps)):
            response = bias.astype(np.float64)
            for tap in range(architecture.network.kernel):
                if 0 <= step + tap - reach < len(steps):
                    response = response + weight[:, :, tap] @ steps[step + tap - reach]
            responses.append(np.maximum(response, 0))
        steps = []
        while len(responses) >= pool:  # from the end, so the labelled flow is always in a pool
            steps.insert(0, np.max(responses[-pool:], axis=0))
            responses = responses[:-pool]
    if architecture.network.hidden:
        forward = _lstm_by_loop(plain, "forward", steps)
        reverse = _lstm_by_loop(plain, "reverse", steps[::-1])[::-1]
    else:
        forward, reverse = steps, [np.zeros(0)] * len(steps)
    both = [np.concatenate(pair) for pair in zip(forward, reverse, strict=True)]
    read = {
        "last": np.concatenate([forward[-1], reverse[-1]]),
        "states": np.concatenate([forward[-1], reverse[0]]),
        "mean": np.mean(both, axis=0),
    }[architecture.network.readout]
    if architecture.network.dense:
        read = np.maximum(plain["dense.weight"] @ read + plain["dense.bias"], 0)
    return plain["head.weight"] @ read + plain["head.bias"]


def _lstm_by_loop(plain, direction, steps):
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    hidden = plain[f"{direction}.hidden"].shape[1]
    state, cell, outputs = np.zeros(hidden), np.zeros(hidden), []
    for step in steps:
        gates = plain[f"{direction}.input"] @ step + plain[f"{direction}.bias1"]
        gates = gates + plain[f"{direction}.hidden"] @ state + plain[f"{direction}.bias2"]
        i, f, g, o = gates.reshape(4, hidden)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        state = sigmoid(o) * np.tanh(cell)
        outputs.append(state)
    return outputs


def cross_entropy_by_loop(logits, labels):
    """Return minus the logarithm of the softmax at the label, of each row."""
    pairs = zip(logits, labels, strict=True)
    return np.array([np.log(np.sum(np.exp(row - row[label]))) for row, label in pairs])


class AdamByDefinition:
    """Kingma and Ba 2015, algorithm 1."""

    def __init__(self):
        self.time, self.first, self.second = 0, 0.0, 0.0

    def step(self, weights, gradient, learning_rate):
        """Return the next weights."""
        self.time += 1
        self.first = 0.9 * self.first + 0.1 * gradient
        self.second = 0.999 * self.second + 0.001 * gradient**2
        first = self.first / (1 - 0.9**self.time)
        second = self.second / (1 - 0.999**self.time)
        return weights - learning_rate * first / (np.sqrt(second) + 1e-8)


class SgdByDefinition:
    """Step down the gradient."""

    def step(self, weights, gradient, learning_rate):
        """Return the next weights."""
        return weights - learning_rate * gradient


def rows_by_loop(architecture, windows, ends, zero_row):
    """For each place in a pool, each pool, each window: the k flows around that step."""
    window, kernel, pool = (
        architecture.window,
        architecture.network.kernel,
        architecture.network.pools[0],
    )
    pools = window // pool
    rows = np.empty((pool * pools, len(ends), kernel), int)
    for place in range(pool):
        for which in range(pools):
            step = window - (pools - which) * pool + place
            for column, end in enumerate(ends):
                for tap in range(kernel):
                    near = step + tap - kernel // 2
                    flow = max(end - (window - 1 - near), 0)
                    inside = 0 <= near < window
                    vector = windows.order[flow] if inside else zero_row
                    rows[place * pools + which, column, tap] = vector
    return rows


def batches_by_loops(architecture, feeds, class_weights, shape, zero_row):
    """Lay out one example after another for training; NaN where anything may stand.

    Return rows ``(steps, K, pool * q, B, k)``, and labels and weights ``(steps, K, B)``.
    """
    steps = max(len(batches) for _, batches in feeds)
    count = architecture.window // architecture.network.pools[0] * architecture.network.pools[0]
    _, members, size = shape
    rows = np.full((steps, members, count, size, architecture.network.kernel), np.nan)
    labels = np.full((steps, members, size), np.nan)
    weights = np.zeros(labels.shape, np.float32)
    for member, (windows, batches) in enumerate(feeds):
        for step, batch in enumerate(batches):
            for column, end in enumerate(batch):
                place = (step, member, column)
                around = rows_by_loop(architecture, windows, [end], zero_row)
                rows[step, member, :, column] = around[:, 0]
                labels[place] = windows.labels[end]
                weights[place] = class_weights[windows.labels[end]] / np.float32(len(batch))
    return rows, labels, weights


def evaluation_by_loops(architecture, gateways, start, size, zero_row):
    """Lay out the windows from `start` of all gateways' one by one; NaN where none is left.

    Return rows ``(pool * q, B, k)`` and labels ``(B,)``.
    """
    every = [(windows, end) for windows in gateways for end in range(len(windows))]
    count = architecture.window // architecture.network.pools[0] * architecture.network.pools[0]
    rows, labels = (
        np.full((count, size, architecture.network.kernel), np.nan),
        np.full(size, np.nan),
    )
    for column, (windows, end) in enumerate(every[start : start + size]):
        rows[:, column] = rows_by_loop(architecture, windows, [end], zero_row)[:, 0]
        labels[column] = windows.labels[end]
    return rows, labels


def gradient_by_differences(function, point):
    """Differentiate a scalar function of ``(P,)`` numbers one coordinate at a time."""
    gradient = np.empty(len(point))
    for place in range(len(point)):
        ahead, behind = point.astype(np.float64), point.astype(np.float64)
        ahead[place] += 1e-3
        behind[place] -= 1e-3
        gradient[place] = (function(ahead) - function(behind)) / 2e-3
    return gradient


# --- fednids.flows ------------------------------------------------------------------------------


def number_rows_by_dict(rows: Iterable[Sequence[float]]) -> list[int]:
    """Number rows in the order in which each first occurs; equal rows have equal numbers."""
    numbers: dict[tuple[float, ...], int] = {}
    return [numbers.setdefault(tuple(float(value) for value in row), len(numbers)) for row in rows]


def novel_by_sets(rows: Iterable[Sequence[float]], test: Iterable[bool]) -> list[bool]:
    """Tell for each flow whether it is a test flow whose row no training flow has."""
    keys = [tuple(float(value) for value in row) for row in rows]
    trained = {key for key, kept in zip(keys, test, strict=True) if not kept}
    return [bool(kept) and key not in trained for key, kept in zip(keys, test, strict=True)]


def windows_by_copying(
    rows: Iterable[Sequence[float]], gateways: Iterable[int], test: Iterable[bool], length: int
) -> list[list[list[float]]]:
    """Copy the window of every flow: ``length`` rows of its gateway and split, itself the last.

    Reads the file from its start and remembers, for each gateway and each side of the split,
    the rows so far. Where there are too few, the first is repeated in front.
    """
    remembered: dict[tuple[int, bool], list[Sequence[float]]] = {}
    windows = []
    for row, gateway, side in zip(rows, gateways, test, strict=True):
        past = remembered.setdefault((int(gateway), bool(side)), [])
        past.append(row)
        window = [past[0]] * (length - len(past)) + past[-length:]
        windows.append([list(flow) for flow in window])
    return windows


def sums_by_loop(rows: Sequence[Sequence[float]]) -> tuple[int, list[float], list[float]]:
    """Count rows; add up each of their features, and the squares, with exact rounding."""
    exact = [[float(value) for value in column] for column in zip(*rows, strict=True)]
    squares = [math.fsum(value * value for value in column) for column in exact]
    return len(rows), [math.fsum(column) for column in exact], squares
