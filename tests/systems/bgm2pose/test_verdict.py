"""What the figures of a run mean, in words."""

from __future__ import annotations

import pytest

from bgm2pose_jax.systems.bgm2pose.verdict import verdict


def _row(arm, leg, body, hands):
  whole = (8 * arm + 8 * leg + 5 * body) / 21
  parts = {"arm": arm, "leg": leg, "body": body}
  return {
    "mpjpe_cm": whole,
    "per_part": {name: {"mpjpe_cm": cm} for name, cm in parts.items()},
    "per_joint": {
      "LeftHand": {"mpjpe_cm": hands - 1},
      "RightHand": {"mpjpe_cm": hands + 1},
    },
  }


def _results(own, still, *, low=20.0, model="bgm2pose"):
  interval = {"improvement_pct": {"mpjpe_cm": [low, 60.0]}}
  return {
    **own,
    "model": model,
    "mean_pose": still,
    "interval_95": interval,
  }


STILL = _row(arm=10, leg=8, body=12, hands=20)


def test_parts_hands_and_guessing_are_named():
  own = _row(arm=6, leg=7, body=4, hands=14.4)
  assert verdict(_results(own, STILL)) == (
    "Joints are off by 5.9 cm on average; follows the torso and arms; follows "
    "the legs a little; hands are off by 14 cm; better than guessing (mean "
    "pose) by 39 %."
  )


@pytest.mark.parametrize(
  ("share", "low", "said"),
  [
    (0.9, 2.0, "better than guessing (mean pose) by 10 %."),
    (0.9, -1.0, "by 10 %, which may be chance."),
    (1.0, -1.0, "no better than guessing (mean pose)."),
    (1.2, -30.0, "no better than guessing (mean pose): 20 % worse."),
  ],
)
def test_a_model_that_is_hardly_better_is_not_praised(share, low, said):
  own = _row(arm=10 * share, leg=8 * share, body=12 * share, hands=20)
  text = verdict(_results(own, STILL, low=low))
  assert text.endswith(said)
  if share >= 1:
    assert "follows no part of the body" in text


def test_the_mean_pose_itself_is_guessing():
  text = verdict(_results(STILL, STILL, model="mean_pose"))
  assert text.endswith("this is guessing (mean pose).")
  assert "follows" not in text
