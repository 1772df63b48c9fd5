"""Bootstrap intervals against figures of the windows that were drawn."""

from __future__ import annotations

import numpy as np
import numpy_figures

from bgm2pose_jax.evaluation import bootstrap
from bgm2pose_jax.systems.bgm2pose.metrics import METRICS


def test_intervals_are_those_of_the_drawn_windows():
  rng = np.random.default_rng(0)
  lengths = {"a": 130, "b": 20}
  recording = np.repeat(list(lengths), list(lengths.values()))
  index = np.concatenate([np.arange(n) for n in lengths.values()])
  target = rng.normal(0, 1, (150, 2, 21, 3)).astype(np.float32)
  level = np.linspace(0.2, 0.8, 150)[:, None, None, None]
  pred = (target + level * rng.normal(0, 1, target.shape)).astype(np.float32)
  still = (target + rng.normal(0, 0.7, target.shape)).astype(np.float32)
  # Three blocks of 43 or 44 windows, and a recording too short for two.
  blocks = [*np.array_split(np.arange(130), 3), np.arange(130, 150)]

  def figure(rows):
    own = numpy_figures.figures(pred[rows], target[rows])
    mean = numpy_figures.figures(still[rows], target[rows])
    return [
      *own.values(),
      numpy_figures.gain_pct(own["rmse"], mean["rmse"]),
      numpy_figures.gain_pct(own["mae"], mean["mae"]),
    ]

  wanted = numpy_figures.interval(figure, blocks, seed=5, resamples=150).T
  order = rng.permutation(150)
  got = bootstrap.bootstrap_interval(
    METRICS,
    pred[order],
    target[order],
    still[order],
    recording[order],
    index[order],
    improved=("rmse", "mae"),
    seed=5,
    resamples=150,
  )
  assert (got["blocks"], got["resamples"]) == (4, 150)
  gain = got["improvement_pct"]
  keys = ("mpjpe_cm", "rmse", "mae", "pckh50")
  found = [*(got[key] for key in keys), gain["rmse"], gain["mae"]]
  np.testing.assert_allclose(found, wanted, rtol=1e-9)
  for row, (low, high) in zip(keys, wanted):
    assert low < numpy_figures.figures(pred, target)[row] < high
