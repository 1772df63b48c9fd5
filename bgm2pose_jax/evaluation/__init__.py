"""Predictions of any rows, and what their errors add up to."""
