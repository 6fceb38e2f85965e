"""How weights are written into messages and read from them, by the encodings of the settings."""

from __future__ import annotations

import numpy as np

from fednids.config import Config
from fednids.messages.encodings import find_encoding
from fednids.messages.encodings.parts import Encoding, SentArrays, Vector, check_finite
from fednids.messages.records import named_weights, weights_parts
from fednids.networks.interface import Weights
from fednids.seeding import Stream, generator


class WeightCodec:
    """Writes and reads weights, at the server and at clients.

    Parameters
    ----------
    config : Config
        Settings: the encodings of both directions, and the seed.

    Raises
    ------
    ConfigError
        There is no such encoding.
    """

    def __init__(self, config: Config):
        self._seed = config.run.seed
        self._up = find_encoding(config.wire.up, config.wire)
        self._down = find_encoding(config.wire.down, config.wire, down=True)

    @property
    def feedback(self) -> bool:
        """Whether clients keep what the encoding of their updates leaves out."""
        return self._up.feedback

    def pack(self, weights: Weights, server_round: int) -> tuple[SentArrays, Weights]:
        """Encode global weights, ``(G,) float32``, at the server.

        Parameters
        ----------
        weights : ndarray
            ``(G,) float32``.
        server_round : int
            The round that they are the outcome of: they are sent to be evaluated in it and to
            be trained in the next, the same both times.

        Returns
        -------
        tuple
            The arrays of the message, and the weights that clients will read: the given ones
            themselves where nothing is lost.
        """
        parts = self._down.encode(weights, generator(self._seed, Stream.WIRE, server_round))
        read = self._down.decode(parts, len(weights)) if self._down.lossy else weights
        return named_weights(parts), read

    def read(self, arrays: SentArrays, size: int) -> Weights:
        """Read global weights, ``(size,) float32``, at a client."""
        return self._down.decode(weights_parts(arrays), size)

    def pack_update(
        self,
        reference: Weights,
        weights: Weights,
        residual: Weights | None,
        key: tuple[int, int],
    ) -> tuple[SentArrays, Weights | None]:
        """Encode new weights at a client.

        Parameters
        ----------
        reference, weights : ndarray
            ``(P,) float32`` before training and after.
        residual : ndarray or None
            ``(P,) float32`` that earlier updates left out.
        key : tuple[int, int]
            Round and partition id.

        Returns
        -------
        tuple
            The arrays of the message, and what is left out now, None without feedback.
        """
        rng = generator(self._seed, Stream.WIRE, *key)
        parts, left = encode_update(self._up, reference, weights, residual, rng)
        return named_weights(parts), left

    def read_update(self, reference: Weights, sent: SentArrays) -> Weights:
        """Read a client's weights, ``(P,) float32``, at the server.

        Raises
        ------
        ValueError
            The arrays are not what the encoding writes.
        """
        return decode_update(self._up, reference, weights_parts(sent))

    def update_arrays(self, size: int) -> SentArrays:
        """Return arrays as large as those of an update of ``size`` weights."""
        rng = generator(self._seed, Stream.WIRE)
        return named_weights(self._up.encode(np.zeros(size, np.float32), rng))


def encode_update(
    encoding: Encoding,
    start: Vector,
    new: Vector,
    residual: Vector | None,
    rng: np.random.Generator,
) -> tuple[SentArrays, Vector | None]:
    r"""Encode new weights: themselves, or with a lossy encoding C their change since the start.

    With feedback, what was left out is kept by the client and added to its next change
    (Stich et al., "Sparsified SGD with Memory", NeurIPS 2018, equation 8 and algorithm 1;
    Karimireddy et al., "Error Feedback Fixes SignSGD", ICML 2019). With the residual
    :math:`m_0 = 0` and the change :math:`\Delta_t = w_t - s_t` of the client's t-th update,

    .. math:: g_t = C(m_t + \Delta_t),\qquad m_{t+1} = m_t + \Delta_t - g_t,

    so that :math:`\sum_t g_t + m_T = \sum_t \Delta_t`. What differs: one step is a whole local
    training, and a client's residual waits through rounds in which it does not take part.

    Parameters
    ----------
    encoding : Encoding
        The same on both sides.
    start, new : ndarray
        ``(P,) float32`` weights as the client received them, and after training.
    residual : ndarray or None
        ``(P,) float32`` that earlier updates left out; None before the first and without feedback.
    rng : numpy.random.Generator
        The client's in this round.

    Returns
    -------
    tuple
        Arrays to send, and the residual to keep, None without feedback.

    Raises
    ------
    ValueError
        The encoding is lossy and the change is not finite, or the residual is not of
        these weights; one line.
    """
    if not encoding.lossy:
        return encoding.encode(new, rng), None
    with np.errstate(over="ignore", invalid="ignore"):
        change = new - start
        if encoding.feedback and residual is not None:
            _check_residual(residual, start)
            change += residual
    arrays = encoding.encode(change, rng)
    if not encoding.feedback:
        return arrays, None
    return arrays, change - encoding.decode(arrays, len(change))


def decode_update(encoding: Encoding, start: Vector, arrays: SentArrays) -> Vector:
    """Decode what `encode_update` returned; ``arrays`` may be anything.

    Returns
    -------
    ndarray
        ``(P,) float32`` new weights; bit for bit those of the client if the encoding is not lossy.

    Raises
    ------
    ValueError
        The encoding does not write such arrays, or the new weights are not finite though
        the encoding is lossy; one line.
    """
    sent = encoding.decode(arrays, len(start))
    if not encoding.lossy:
        return sent
    with np.errstate(over="ignore"):
        new: Vector = start + sent
    check_finite(new, "weights")
    return new


def _check_residual(residual: Vector, start: Vector) -> None:
    if residual.shape != start.shape or residual.dtype != np.float32:
        raise ValueError(
            f"expected a residual of {start.shape} float32, got {residual.shape} {residual.dtype}"
        )
    check_finite(residual, "residuals")
