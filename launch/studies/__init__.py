"""Measurements of accuracy: `python -m launch.studies.NAME`."""
