"""The static room beside each block of a recording."""
