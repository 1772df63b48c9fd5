"""From recordings to batches: prepare, load, order, feed.

The modules are imported one by one, so that a training step can take `groups`
and `device_cache` without the readers' dependencies.
"""
