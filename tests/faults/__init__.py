"""Runs and builds that are killed, and whether they go on."""
