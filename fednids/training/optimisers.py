"""Optimisers that run inside the training graph and forget everything on request.

How to add one: write a cell with ``construct(gradients, learning_rate)`` that updates its
parameters in place and returns a Tensor to depend on, and ``reset()``; add a line to
`OPTIMISERS`; run ``pytest tests/training/test_optimisers.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fednids.networks.framework import Parameter, ParameterTuple, Tensor, live, mindspore, nn, ops


def zeros_like(parameters: Sequence[Parameter], name: str) -> ParameterTuple:
    """Make a parameter of zeros, which is not trained, for each of the given ones."""
    return ParameterTuple(
        [
            Parameter(ops.zeros(p.shape, p.dtype), name=f"{name}.{p.name}", requires_grad=False)
            for p in parameters
        ]
    )


class Adam(nn.Cell):
    """Adam with decay rates 0.9 and 0.999 and epsilon 1e-8.

    MindSpore's kernel adds epsilon to the root of the second moment before the moment is
    corrected. Epsilon shrinks here as that moment does, so a step is the paper's, and
    PyTorch's.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1.
    """

    def __init__(self, parameters: Sequence[Parameter]):
        super().__init__()
        self.weights = ParameterTuple(parameters)
        self.first = zeros_like(parameters, "adam.first")
        self.second = zeros_like(parameters, "adam.second")
        self.first_power = Parameter(Tensor(1.0, mindspore.float32), name="adam.first_power")
        self.second_power = Parameter(Tensor(1.0, mindspore.float32), name="adam.second_power")
        self.rule, self.places = ops.Adam(), range(len(parameters))
        self._moments = live((*self.first, *self.second))
        self._powers = live((self.first_power, self.second_power))

    def construct(self, gradients: tuple[Tensor, ...], learning_rate: Tensor) -> Tensor:
        """Make one step."""
        powers = (
            ops.assign(self.first_power, self.first_power * 0.9),
            ops.assign(self.second_power, self.second_power * 0.999),
        )
        epsilon = 1e-8 * ops.sqrt(1 - powers[1])
        for k in self.places:
            learning_rate = ops.depend(
                learning_rate,
                self.rule(
                    self.weights[k], self.first[k], self.second[k], *powers,
                    learning_rate, 0.9, 0.999, epsilon, gradients[k],
                ),
            )  # fmt: skip
        return learning_rate

    def reset(self) -> None:
        """Forget all moments, in place."""
        for moment in self._moments:
            moment[...] = 0.0
        for power in self._powers:
            power[...] = 1.0


class Sgd(nn.Cell):
    """Plain stochastic gradient descent, without momentum."""

    def __init__(self, parameters: Sequence[Parameter]):
        super().__init__()
        self.weights = ParameterTuple(parameters)
        self.places = range(len(parameters))

    def construct(self, gradients: tuple[Tensor, ...], learning_rate: Tensor) -> Tensor:
        """Make one step."""
        for k in self.places:
            step = ops.assign_sub(self.weights[k], learning_rate * gradients[k])
            learning_rate = ops.depend(learning_rate, step)
        return learning_rate

    def reset(self) -> None:
        """Nothing to forget."""


Optimiser = Adam | Sgd

OPTIMISERS: dict[str, Callable[[Sequence[Parameter]], Optimiser]] = {"adam": Adam, "sgd": Sgd}
