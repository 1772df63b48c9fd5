"""3D human pose from sound in a room, in JAX."""

import os

# `python -m bgm2pose_jax.align` and its like run the files of `commands/`.
__path__.append(os.path.join(__path__[0], "commands"))
