"""How weights are written into messages and read from them, by the encodings of the settings."""

from __future__ import annotations

import numpy as np

from fednids.config import Config
from fednids.messages.encodings import Sender, find_encoding
from fednids.messages.encodings.parts import SentArrays
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
        self._up = Sender(find_encoding(config.wire.up, config.wire))
        self._down = find_encoding(config.wire.down, config.wire, down=True)

    @property
    def feedback(self) -> bool:
        """Whether clients keep what the encoding of their updates leaves out."""
        return self._up.encoding.feedback

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
        parts, left = self._up.encode_update(reference, weights, residual, rng)
        return named_weights(parts), left

    def read_update(self, reference: Weights, sent: SentArrays) -> Weights:
        """Read a client's weights, ``(P,) float32``, at the server.

        Raises
        ------
        ValueError
            The arrays are not what the encoding writes.
        """
        return self._up.decode_update(reference, weights_parts(sent))

    def update_arrays(self, size: int) -> SentArrays:
        """Return arrays as large as those of an update of ``size`` weights."""
        rng = generator(self._seed, Stream.WIRE)
        return named_weights(self._up.encoding.encode(np.zeros(size, np.float32), rng))
