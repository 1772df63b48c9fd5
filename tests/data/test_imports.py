"""A training step needs no reader: grain, TFDS and librosa may be absent."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def test_device_cache_and_order_work_without_readers():
  script = textwrap.dedent("""
    import importlib.abc, sys

    class Block(importlib.abc.MetaPathFinder):
      def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"grain", "tensorflow_datasets", "librosa",
                                  "array_record", "soundfile", "tensorflow"}:
          raise ImportError("blocked: " + name)

    sys.meta_path.insert(0, Block())
    import jax, numpy as np
    from bgm2pose_jax.data import device_cache, groups, load, prepared
    from bgm2pose_jax.systems.bgm2pose import features, table
    rows = groups.epoch_table(None, np.arange(8), batch_size=4, seed=0, epoch=0)
    n = np.arange(8)
    spec = features.get_feature_set("logmel_intensity").spec
    zeros = np.zeros((8, 12, 2, 9), np.float32)
    code, names = n.astype(np.int32), ("a",) * 8
    windows = table.MusicWindows(
      features=zeros + n[:, None, None, None], pose=zeros, subject=code,
      track=code, genre=code, recording=code, label=code, window_index=code,
      valid=n > 0, has_pose=n > 0, subjects=names, tracks=names, genres=names,
      recordings=names, labels=names, spec=spec, simulated=True,
      fingerprint="f")
    cache = device_cache.put(windows, ("features", "pose", "track"))
    batch = jax.jit(device_cache.take)(cache, rows[0])
    assert (batch["features"][:, 0, 0, 0] == rows[0]).all()
    print("done")
  """)
  result = subprocess.run(
    [sys.executable, "-c", script], capture_output=True, text=True, check=False
  )
  assert result.stdout.strip() == "done", result.stderr
