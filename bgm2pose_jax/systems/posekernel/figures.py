"""What results.json and predictions.npz hold of a run of this system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.data.split import Split
from bgm2pose_jax.evaluation import figures
from bgm2pose_jax.evaluation.bootstrap import Blocks
from bgm2pose_jax.systems.posekernel.metrics import METRICS
from bgm2pose_jax.systems.posekernel.table import SampleTable

# Neither data set has images; see `systems/posekernel/simulated`.
KEYPOINTS = (
  "oracle 2D: keypoints are simulated from the true joints (projection, noise, "
  "misses); no image was seen"
)
DEFINITIONS = {
  "unit": "centimetres in the camera's frame: x right, y down, z forward",
  "mpjpe_cm": "mean distance of joints, over joints and samples; nothing is "
  "aligned",
  "root_cm": "mean distance of the mid-hip",
  "mpjpe_root_cm": "mean distance of joints after both mid-hips are put "
  "together",
  "along_ray_cm": "mean size of the part of the error that lies along the "
  "camera's ray to the true joint",
  "across_ray_cm": "mean size of the part across that ray",
  "pck_10cm_pct": "joints at most 10 cm off, in percent; likewise 5, 20, 30 cm",
  "improvement_pct": "reduction against fixed height, in percent of it",
  "interval_95": "2.5 and 97.5 percentiles over bootstrap resamples of about "
  "20 neighbouring samples at a time",
  "fixed_height": "keypoints on their rays at the depth where bones are as "
  "long as training bones on average",
  "ground_plane": "keypoints at the depth where the lower ankle's ray meets a "
  "plane through training ankles. The plane of an environment without training "
  "samples is not known: the one through all training ankles stands in, as "
  "plane_of says; without an ankle, fixed height does",
  "time_of_arrival": "keypoints at the depth of the voxel where the product of "
  "all pairs' maps is largest; nothing is learnt but the mean training pose. "
  "arg_max_root_cm is how far that voxel lies from the true mid-hip; "
  "grid.floor_cm is the mean distance of true joints from the middle of their "
  "voxels, about 0.48 of a voxel: no hard arg max is better",
  "per_walls": "as_built: as in the environment's other samples; moved: the "
  "walls were moved",
}


def head(split: Split) -> dict[str, Any]:
  """The split's entries of results.json, and what keypoints are."""
  return {**figures.split_names(split), "keypoints": KEYPOINTS}


def predictions(
  table: SampleTable, rows: np.ndarray, predicted: np.ndarray
) -> dict[str, np.ndarray]:
  """Arrays of `predictions.npz`.

  Args:
    table: the samples.
    rows: int [n] test rows.
    predicted: [n, joint, 3], metres, camera frame.

  Returns:
    What `evaluation.figures.predictions` says, and `pairs` [n, pair, 3].
  """
  arrays = figures.predictions(table, rows, predicted)
  return {**arrays, "pairs": np.asarray(table.pairs[rows], np.float32)}


BASELINES = {
  "fixed_height": "fixed height",
  "ground_plane": "ground plane",
  "time_of_arrival": "time of arrival",
}


def verdict(results: Mapping[str, Any]) -> str:
  """What the figures say, in a sentence or two.

  Args:
    results: content of `results.json`.
  """
  own = results["mpjpe_cm"]
  text = f"Joints lie {own:.1f} cm off on average"
  if results["model"] in BASELINES:
    return f"{text}."
  others = {name: results[key]["mpjpe_cm"] for key, name in BASELINES.items()}
  best = min(others, key=lambda name: others[name])
  if own >= others[best]:
    return f"{text}: no nearer than by {best} ({others[best]:.1f} cm)."
  return (
    f"{text}. The nearest baseline, {best}, lies {others[best]:.1f} cm off."
  )


FIGURES = figures.Figures(
  metrics=METRICS,
  baselines=BASELINES,
  improved=("mpjpe_cm",),
  groups={
    "per_environment": "environment",
    "per_person": "person",
    "per_walls": "walls",
  },
  blocks=Blocks(windows=20, stretch="20 neighbouring samples"),
  kept=(
    "along_ray_cm",
    "across_ray_cm",
    "pck_5cm_pct",
    "pck_20cm_pct",
    "pck_30cm_pct",
    "per_joint",
  ),
  head=head,
  definitions=DEFINITIONS,
  verdict=verdict,
)
