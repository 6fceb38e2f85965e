"""The world around gateways: who is there, how fast, and what becomes of each in a round.

Everything here is a function of the settings, the seed, the round and the partition id,
never of what was drawn before. So a resumed run and every engine find the same world.
"""

from fednids.simulation.environment import World, participants_count
from fednids.simulation.outcomes import Fate, RoundFates

__all__ = ["Fate", "RoundFates", "World", "participants_count"]
