"""Reports of a run: a table for the terminal and a page for the browser."""
