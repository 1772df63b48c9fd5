"""Predicts a recording as it was made, and as a stranger would bring it.

    python -m tests.agreement.check_predict --checkpoint=RUN \
      --ampl_dir=RECORDINGS --subject=0 --track=haze \
      [--results=RUN/results.json]

First with the true offset and windows that do not overlap, which is what the
evaluation of a run does; with --results the figures must be the same to 1e-4
(give a run that was tested on this very recording). Then with noise before it
and a recorder whose clock is off: the music has to be found.
"""

from __future__ import annotations

import json
import pathlib

import numpy as np
from absl import flags

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose import metrics, trained
from bgm2pose_jax.systems.bgm2pose.align import sounds
from bgm2pose_jax.systems.bgm2pose.align.alignment import align
from bgm2pose_jax.systems.bgm2pose.align.arrival import LEFT_AXES
from bgm2pose_jax.systems.bgm2pose.ampl import raw_layout
from bgm2pose_jax.systems.bgm2pose.predict import predictor, truth
from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import SoundPair, sent_at
from launch.bench import harness
from launch.studies import align_case

_CHECKPOINT = flags.DEFINE_string("checkpoint", None, "a run")
_AMPL = flags.DEFINE_string("ampl_dir", None, "recordings, raw layout")
_SUBJECT = flags.DEFINE_string("subject", None, "whose recording")
_TRACK = flags.DEFINE_string("track", None, "of which music")
_RESULTS = flags.DEFINE_string("results", None, "results.json to compare with")
_BEFORE_S = flags.DEFINE_float("before_s", 7.3, "noise before the music")
_DRIFT = flags.DEFINE_float("drift_ppm", 30.0, "of the player's clock")
_LEFT = flags.DEFINE_enum("left", "-X", LEFT_AXES, "see bgm2pose_jax.align")

_SAME = 1e-4


def main() -> int:
  """Predicts both; code 1 where they differ by too much."""
  model = trained.load(harness.needed(_CHECKPOINT))
  index = raw_layout.scan_raw(harness.needed(_AMPL))
  (found,) = index.of_track(harness.needed(_TRACK), harness.needed(_SUBJECT))
  if found.music is None or found.poses is None:
    raise InputError(found.wav, "has no music or no poses", "take another")
  options = predictor.Options(hop_ms=600, blend=1)
  rows = []
  with (
    sounds.decoded(found.wav, 4, SAMPLE_RATE_HZ) as recording,
    sounds.decoded(found.music, 2, None) as music,
  ):
    # A run's windows end with the recording or with its poses.
    pair = SoundPair(recording, music, where=found.wav)
    made = _pair_of_poses(model, pair, options, found.poses, 0.0)
    rows.append(_row("true offset", made, pair))
    exact = made, pair
    moved = align_case.strange(recording, _BEFORE_S.value, _DRIFT.value)
    place = align(moved, music, left=_LEFT.value, where=found.wav)
    pair = SoundPair(
      moved,
      music,
      sent_at(place.offset_samples),
      place.drift_ppm,
      where=found.wav,
    )
    late_s = _BEFORE_S.value
    aligned = _pair_of_poses(model, pair, options, found.poses, late_s)
    # The last window may be lost to the alignment, and is lost to both.
    frames = min(len(exact[0][0]), len(aligned[0]))
    same = exact[0][0][:frames], exact[0][1][:frames]
    rows.append(_row("true offset, same windows", same, exact[1]))
    cut = aligned[0][:frames], aligned[1][:frames]
    rows.append(_row("aligned", cut, pair))
    usual = predictor.Options()
    blended = _pair_of_poses(model, pair, usual, found.poses, late_s)
    rows.append(_row("aligned, blended", blended, pair))
  harness.show(rows)
  change = 100 * (rows[2]["rmse"] / rows[1]["rmse"] - 1)
  print(f"\naligned against the true offset: RMSE {change:+.2f} %")
  # Better is no fault: the place that is found fits to a fraction of a sample.
  wrong = change > 2.0
  if _RESULTS.value:
    wanted = json.loads(pathlib.Path(_RESULTS.value).read_text())
    for name in ("rmse", "mae"):
      apart = abs(rows[0][name] - wanted[name])
      print(f"{name} of the run {wanted[name]:.6f}, {apart:.1e} apart")
      wrong |= apart > _SAME
  harness.write(harness.facts(), rows=rows)
  return int(wrong)


def _pair_of_poses(
  model, pair, options, poses, lag_s
) -> tuple[np.ndarray, np.ndarray]:
  """Predicted and true poses of the frames that have both."""
  track = predictor.predict([model], pair, options).track
  target = truth.read(poses, pair, lag_s).pose
  return track.pose[: len(target)], target


def _row(how, both, pair) -> dict:
  predicted, target = both
  figures = metrics.pose_metrics(predicted[None], target[None])
  return {
    "how": how,
    **{k: float(figures[k]) for k in ("rmse", "mae", "pckh50")},
    "windows": len(target) // 12,
    "offset_ms": pair.offset_samples / SAMPLE_RATE_HZ * 1000,
    "drift_ppm": pair.drift_ppm,
  }


if __name__ == "__main__":
  harness.start(main)
