"""The simulated environment of clients: availability, speed, malice, and the outcome of a round.

Everything here is a function of the settings, the seed, the round and the partition id, never
of what was drawn before. So a resumed run and every engine have the same environment.
"""

from fednids.simulation.environment import Environment, participants_count
from fednids.simulation.outcomes import ClientOutcome, RoundOutcomes

__all__ = ["ClientOutcome", "Environment", "RoundOutcomes", "participants_count"]
