"""A federation over real machines: its folder, its keys, and Flower's programs started right."""
