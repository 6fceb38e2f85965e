"""Flow files: reading any supported format with every cell checked, and writing."""
