"""Kernels from people's own recordings of a sweep."""
