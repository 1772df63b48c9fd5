"""A system of a made-up domain: where a player stands, from an echo."""
