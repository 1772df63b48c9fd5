"""Layers any system may use: arrays in, arrays out."""
