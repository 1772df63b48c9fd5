"""From recordings to batches: prepare, load, order, feed.

The modules are imported one by one, so that a training step can take `groups`
and `device_cache` without the readers' dependencies.
"""

import os

# `python -m bgm2pose_jax.data.prepare` and its like: see `commands/data/`.
__path__.append(os.path.join(__path__[0], os.pardir, "commands", "data"))
