"""The tables of a paper, or any grid, as runs to stop and resume."""
