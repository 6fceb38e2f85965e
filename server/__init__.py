"""Flower's ServerApp: choosing gateways, checking replies, aggregating, keeping records."""
