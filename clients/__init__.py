"""Flower's ClientApp: what a gateway does with a message."""
