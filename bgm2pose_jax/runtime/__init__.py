"""Devices, processes, compilation, and signals to stop."""
