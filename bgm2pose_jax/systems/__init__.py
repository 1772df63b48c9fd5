"""One folder a system, and the registry that names them."""
