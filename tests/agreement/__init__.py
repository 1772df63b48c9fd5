"""One recording by two ways: whether the figures are the same."""
