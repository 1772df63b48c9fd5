"""The released data set: folders of NumPy files, read with care."""
