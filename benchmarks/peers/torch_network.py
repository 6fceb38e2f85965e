"""The CNN-BiLSTM in PyTorch: as people write it, and pruned to what the readout needs.

Weights come from arrays named and laid out as in fednids' ``Architecture.layout``. Each
direction of the LSTM has one bias there, so PyTorch's second one stays zero and frozen.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

Arrays = Mapping[str, np.ndarray]


class Plain(nn.Module):
    """``nn.Conv1d``, ``nn.MaxPool1d`` and a bidirectional ``nn.LSTM``, ``(B, T, F)`` in."""

    def __init__(self, arrays: Arrays, features: int, pool: int, readout: str) -> None:
        super().__init__()
        self.conv, self.pool = _convolution(arrays, features), _pooling(pool)
        hidden = arrays["lstm.forward.hidden"].shape[1]
        self.lstm = nn.LSTM(self.conv.out_channels, hidden, bidirectional=True, batch_first=True)
        self.dense, self.head, self.readout = _dense(arrays), _affine(arrays, "head"), readout
        _fill(self.lstm, _direction(arrays, "forward"), "")
        once = _once(arrays, hidden) if readout == "last" else _direction(arrays, "reverse")
        _fill(self.lstm, once, "_reverse")

    def forward(self, windows: Tensor) -> Tensor:
        steps = self.pool(torch.relu(self.conv(windows.transpose(1, 2))))
        outputs, (states, _) = self.lstm(steps.transpose(1, 2))
        last = self.readout == "last"
        read = outputs[:, -1] if last else torch.cat((states[0], states[1]), dim=1)
        return self.head(self.dense(read))


class Pruned(nn.Module):
    """Readout ``last`` with the one reverse step that it reads, from a zero state."""

    def __init__(self, arrays: Arrays, features: int, pool: int) -> None:
        super().__init__()
        self.conv, self.pool = _convolution(arrays, features), _pooling(pool)
        hidden = arrays["lstm.forward.hidden"].shape[1]
        self.lstm = nn.LSTM(self.conv.out_channels, hidden)
        self.once = _affine(arrays, "lstm.reverse", "input")
        self.dense, self.head = _dense(arrays), _affine(arrays, "head")
        _fill(self.lstm, _direction(arrays, "forward"), "")

    def forward(self, windows: Tensor) -> Tensor:
        steps = torch.relu(self.pool(self.conv(windows.transpose(1, 2)))).permute(2, 0, 1)
        _, (states, _) = self.lstm(steps)
        into, candidate, out = self.once(steps[-1]).chunk(3, dim=1)
        cell = torch.sigmoid(into) * torch.tanh(candidate)
        reverse = torch.sigmoid(out) * torch.tanh(cell)
        return self.head(self.dense(torch.cat((states[0], reverse), dim=1)))


def _convolution(arrays: Arrays, features: int) -> nn.Conv1d:
    if "conv2.weight" in arrays:
        raise ValueError("expected one convolution, got conv2.weight; the peers have one")
    weight = arrays["conv1.weight"]
    taps = weight.shape[0] // features
    layer = nn.Conv1d(features, weight.shape[1], taps, padding=taps // 2)
    with torch.no_grad():
        layer.weight.copy_(_tensor(weight.reshape(taps, features, -1).transpose(2, 1, 0)))
        layer.bias.copy_(_tensor(arrays["conv1.bias"]))
    return layer


def _pooling(pool: int) -> nn.Module:
    return nn.MaxPool1d(pool) if pool > 1 else nn.Identity()


def _affine(arrays: Arrays, name: str, kind: str = "weight") -> nn.Linear:
    layer = nn.Linear(*arrays[f"{name}.{kind}"].shape)
    with torch.no_grad():
        layer.weight.copy_(_tensor(arrays[f"{name}.{kind}"].T))
        layer.bias.copy_(_tensor(arrays[f"{name}.bias"]))
    return layer


def _dense(arrays: Arrays) -> nn.Module:
    if "dense.weight" not in arrays:
        return nn.Identity()
    return nn.Sequential(_affine(arrays, "dense"), nn.ReLU())


def _direction(arrays: Arrays, direction: str) -> tuple[np.ndarray, ...]:
    kinds = ("input", "hidden", "bias")
    return tuple(arrays[f"lstm.{direction}.{kind}"] for kind in kinds)


def _once(arrays: Arrays, hidden: int) -> tuple[np.ndarray, ...]:
    """Put gates i, g, o of the one step among four; zeros for what it never reads."""
    weight, bias = arrays["lstm.reverse.input"].T, arrays["lstm.reverse.bias"]
    used = np.delete(np.arange(4 * hidden), np.s_[hidden : 2 * hidden])
    wide = np.zeros((4 * hidden, weight.shape[1]), np.float32)
    wide_bias = np.zeros(4 * hidden, np.float32)
    wide[used], wide_bias[used] = weight, bias
    return wide, np.zeros((4 * hidden, hidden), np.float32), wide_bias


def _fill(lstm: nn.LSTM, parts: tuple[np.ndarray, ...], suffix: str) -> None:
    frozen = getattr(lstm, f"bias_hh_l0{suffix}")
    with torch.no_grad():
        for kind, array in zip(("weight_ih", "weight_hh", "bias_ih"), parts, strict=True):
            getattr(lstm, f"{kind}_l0{suffix}").copy_(_tensor(array))
        frozen.zero_()
    frozen.requires_grad_(False)


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))
