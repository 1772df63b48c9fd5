"""The networks that lift poses, and which there are."""
