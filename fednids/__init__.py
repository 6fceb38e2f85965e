"""fednids: one intrusion detector trained over many IoT gateways that keep their flows."""

__version__ = "0.1.0"
