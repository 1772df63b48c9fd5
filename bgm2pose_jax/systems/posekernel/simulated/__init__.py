"""Simulated rooms, rigs, people and detectors: `SimulatedSamples`."""
