"""Measurements of accuracy and what they need: `python -m launch.studies.NAME`."""
