"""How the server sends weights, and reads those that gateways send."""

from __future__ import annotations

import numpy as np

from fednids.config import Config
from fednids.messages.encodings import Sender, find_encoding
from fednids.messages.records import Arrays, named_weights, weights_parts
from fednids.networks.interface import Weights
from fednids.seeding import Stream, generator


class ServerWire:
    """The server's end of the wire.

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
        """Whether gateways keep what the encoding of their updates leaves out."""
        return self._up.encoding.feedback

    def pack(self, weights: Weights, server_round: int) -> tuple[Arrays, Weights]:
        """Encode global weights; give the arrays, and the weights that gateways will read.

        Parameters
        ----------
        weights : ndarray
            ``(G,) float32``.
        server_round : int
            The round that they are the outcome of: they are sent to be judged in it and to
            be trained in the next, the same both times.

        Returns
        -------
        tuple
            The given weights themselves where nothing is lost.
        """
        parts = self._down.encode(weights, generator(self._seed, Stream.WIRE, server_round))
        read = self._down.decode(parts, len(weights)) if self._down.lossy else weights
        return named_weights(parts), read

    def reply_parts(self, size: int) -> Arrays:
        """Give the arrays that ``(size,)`` weights become on their way up; their sizes count."""
        rng = generator(self._seed, Stream.WIRE)
        return named_weights(self._up.encoding.encode(np.zeros(size, np.float32), rng))

    def unpack(self, reference: Weights, sent: Arrays) -> Weights:
        """Read a gateway's weights, ``(P,) float32``.

        Raises
        ------
        ValueError
            The arrays are not what the encoding writes.
        """
        return self._up.decode_update(reference, weights_parts(sent))
