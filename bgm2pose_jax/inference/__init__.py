"""Trained networks, ready to predict, and taken to other runtimes."""
