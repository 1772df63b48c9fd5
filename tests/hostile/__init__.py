"""Broken and hostile inputs for every reader and command."""
