"""Data sets, and how their flows are dealt to clients."""
