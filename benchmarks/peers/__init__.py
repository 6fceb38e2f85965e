"""The peers that fednids is measured against, each in an environment of its own."""
