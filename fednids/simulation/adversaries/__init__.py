"""Adversaries: malicious clients, and what they do to flows and updates."""
