"""Data sets, a file each, and the flows of a run as they are dealt to clients."""
