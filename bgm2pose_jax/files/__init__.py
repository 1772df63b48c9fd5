"""Readers of strangers' files with bounds, writers of whole files or none."""
