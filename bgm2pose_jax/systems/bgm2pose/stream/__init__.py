"""Poses from sound as it comes in."""
