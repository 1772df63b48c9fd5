"""AMPL's published normalisation constants, one row a track.

Mean and deviation of the nine stored channels W X Y Z m0 m1 Ix Iy Iz, from
`libs/mean_std.py` of the authors' published code (behind Shibata et al.,
BGM2Pose, arXiv 2503.00389). Its script reads one track of the fold that leaves
subject 6 out, so in all other folds the test subject is among the recordings
they were computed over. They are chosen by a window's own track, also where
training never heard that track.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec

CHANNELS = ("W", "X", "Y", "Z", "m0", "m1", "Ix", "Iy", "Iz")

# dB for the first six, then no unit.
MEAN = {
  "arnor": (
    -22.34753, -22.290886, -25.803625, -21.670645, -31.663267, -30.171076,
    -7.713504e-05, 4.03049e-04, -0.011210225,
  ),
  "mantron": (
    -24.252245, -24.13487, -27.592958, -23.681503, -35.573185, -36.0816,
    1.0231032e-04, 1.8740784e-04, -0.010841111,
  ),
  "cirrus": (
    -21.437536, -21.861847, -24.83102, -20.684359, -21.42624, -22.515173,
    5.496154e-04, 3.1469387e-04, -0.01345951,
  ),
  "jazz": (
    -16.957348, -18.000713, -20.53041, -15.92767, -19.950762, -20.871494,
    6.076998e-04, 9.762824e-04, -0.013828985,
  ),
}  # fmt: skip
STD = {
  "arnor": (
    21.993052, 19.654186, 16.043749, 19.641361, 32.62192, 31.799248,
    0.017382737, 0.011129919, 0.017447662,
  ),
  "mantron": (
    22.483595, 20.395716, 16.392046, 19.99123, 35.62522, 35.553818,
    0.017658168, 0.011187353, 0.017098213,
  ),
  "cirrus": (
    21.075201, 18.122711, 15.19214, 18.57458, 26.82804, 26.986845,
    0.016524797, 0.011419602, 0.017496226,
  ),
  "jazz": (
    20.589516, 17.214449, 15.242527, 18.578787, 28.552048, 28.646671,
    0.015363253, 0.011566004, 0.018870942,
  ),
}  # fmt: skip


def laid_over(
  stats: Mapping[str, np.ndarray], tracks: Sequence[str], spec: FeatureSpec
) -> dict[str, np.ndarray]:
  """Puts the constants in the place of fitted statistics.

  Args:
    stats: what `normalisation.fit_stats` returned in mode `track_channel`:
      mean and std [tracks + 1, c].
    tracks: token of each row but the last.
    spec: what the channels are.

  Returns:
    Copies in which the rows of AMPL's tracks hold the constants. Rows of other
    tracks, and the last one, stay as they were.

  Raises:
    InputError: statistics of another mode, or channels that the constants were
      not computed for.
  """
  if set(stats) != {"mean", "std"} or spec.names != CHANNELS:
    raise InputError(
      "data.norm_stats",
      f"is table, with {', '.join(sorted(stats))} of {', '.join(spec.names)}",
      "the constants are for track_channel and logmel_intensity",
    )
  mean, std = np.array(stats["mean"]), np.array(stats["std"])
  for row, track in enumerate(tracks):
    if track in MEAN:
      mean[row], std[row] = MEAN[track], STD[track]
  return {"mean": mean, "std": std}


def stand_alone(spec: FeatureSpec) -> dict[str, np.ndarray]:
  """Statistics for weights that come without recordings to fit any on.

  Args:
    spec: what the channels are.

  Returns:
    mean and std, float32 [tracks + 1, c]: a row for each track of `MEAN`, in
    its order, and for other tracks the moments of the four together, each
    counted alike.

  Raises:
    InputError: channels that the constants were not computed for.
  """
  mean, std = np.array([*MEAN.values()]), np.array([*STD.values()])
  all_mean = mean.mean(0)
  all_std = np.sqrt((std**2 + mean**2).mean(0) - all_mean**2)
  stats = {
    "mean": np.vstack([mean, all_mean]),
    "std": np.vstack([std, all_std]),
  }
  stats = {name: values.astype(np.float32) for name, values in stats.items()}
  return laid_over(stats, tuple(MEAN), spec)
