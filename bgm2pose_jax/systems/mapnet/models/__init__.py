"""The networks that clean poses, and which there are."""
