"""Simulated recordings in AMPL's raw layout."""
