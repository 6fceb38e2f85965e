"""What a gateway's new weights become on the wire, and what the server makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fednids.messages.encodings.parts import Encoding, SentArrays, Vector, check_finite


@dataclass(frozen=True)
class Sender:
    r"""Sends new weights: themselves, or with a lossy encoding C their change since the start.

    With feedback, what was left out is kept by the gateway and added to its next change
    (Stich et al., "Sparsified SGD with Memory", NeurIPS 2018, equation 8 and algorithm 1;
    Karimireddy et al., "Error Feedback Fixes SignSGD", ICML 2019). With the residual
    :math:`m_0 = 0` and the change :math:`\Delta_t = w_t - s_t` of the gateway's t-th update,

    .. math:: g_t = C(m_t + \Delta_t),\qquad m_{t+1} = m_t + \Delta_t - g_t,

    so that :math:`\sum_t g_t + m_T = \sum_t \Delta_t`. What differs: one step is a whole local
    training, and a gateway's residual waits through rounds in which it does not take part.

    Attributes
    ----------
    encoding : Encoding
        The same on both sides.
    """

    encoding: Encoding

    def encode_update(
        self, start: Vector, new: Vector, residual: Vector | None, rng: np.random.Generator
    ) -> tuple[SentArrays, Vector | None]:
        """Write an update, on the gateway.

        Parameters
        ----------
        start, new : ndarray
            ``(P,) float32`` weights as the gateway received them, and after training.
        residual : ndarray or None
            ``(P,) float32`` that the gateway kept; None before its first update and without
            feedback.
        rng : numpy.random.Generator
            The gateway's in this round.

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
        if not self.encoding.lossy:
            return self.encoding.encode(new, rng), None
        with np.errstate(over="ignore", invalid="ignore"):
            change = new - start
            if self.encoding.feedback and residual is not None:
                _check_residual(residual, start)
                change += residual
        arrays = self.encoding.encode(change, rng)
        if not self.encoding.feedback:
            return arrays, None
        return arrays, change - self.encoding.decode(arrays, len(change))

    def decode_update(self, start: Vector, arrays: SentArrays) -> Vector:
        """Read an update, on the server.

        Parameters
        ----------
        start : ndarray
            ``(P,) float32`` weights as the gateway received them.
        arrays : Mapping[str, ndarray]
            What came, which may be anything.

        Returns
        -------
        ndarray
            ``(P,) float32`` new weights; bit for bit those of the gateway if the encoding
            is not lossy.

        Raises
        ------
        ValueError
            The encoding does not write such arrays, or the new weights are not finite though
            the encoding is lossy; one line.
        """
        sent = self.encoding.decode(arrays, len(start))
        if not self.encoding.lossy:
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
