"""Flows: the data sheet, reading, preparing, and making them."""
