"""A run's configuration and the folder it names."""
