"""Training: the initial state of a run, local training, and the graphs that run it."""
