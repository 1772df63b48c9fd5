"""The simulated data set: takes by players that do not exist."""
