"""Synthetic flows with the published statistics of NF-BoT-IoT v1."""
