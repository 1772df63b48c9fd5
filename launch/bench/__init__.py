"""Measurements of speed, each a command: `python -m launch.bench.NAME`."""
