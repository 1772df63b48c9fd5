"""What the figures of a run say, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Body parts by their key in results.json, and what readers call them.
PART_NAMES = {"arm": "arms", "leg": "legs", "body": "torso"}
HANDS = ("LeftHand", "RightHand")
# Percent of the mean pose's error that a part must have less to be followed,
# and to be followed a little.
_FOLLOWS_PCT, _HINTS_PCT = 25.0, 5.0
_NOT_BETTER = "no better than guessing (mean pose)"


def gain_pct(own: float, reference: float) -> float | None:
  """How much smaller an error is than another, in percent of the other.

  Args:
    own: an error.
    reference: the error to compare it with.

  Returns:
    Positive where `own` is the smaller; None where the reference is zero.
  """
  return 100 * (1 - own / reference) if reference > 0 else None


def hands_cm(row: Mapping[str, Any]) -> float | None:
  """Mean MPJPE of both hands, centimetres.

  Args:
    row: figures with `per_joint`; runs of before have no centimetres there.
  """
  found = [
    row.get("per_joint", {}).get(hand, {}).get("mpjpe_cm") for hand in HANDS
  ]
  if None in found:
    return None
  return sum(found) / len(found)


def verdict(results: Mapping[str, Any]) -> str:
  """What a run's figures mean, in a few clauses.

  Args:
    results: content of results.json with figures of the mean pose.

  Returns:
    Such as `Joints are off by 5.4 cm on average; follows the torso; hands are
    off by 14.4 cm; better than guessing (mean pose) by 48 %.`
  """
  still = results["mean_pose"]
  said = [f"Joints are off by {results['mpjpe_cm']:.1f} cm on average"]
  if results["model"] != "mean_pose":
    said += _followed(results, still)
  hands = hands_cm(results)
  if hands is not None:
    said.append(f"hands are off by {hands:.0f} cm")
  if results["model"] == "mean_pose":
    said.append("this is guessing (mean pose)")
  else:
    said.append(against_guessing(results, still["mpjpe_cm"]))
  return "; ".join(said) + "."


def against_guessing(row: Mapping[str, Any], still_cm: float) -> str:
  """Compares a model with the mean pose, in words.

  Args:
    row: `mpjpe_cm` and, where known, `interval_95`.
    still_cm: MPJPE of the mean pose, centimetres.
  """
  gain = gain_pct(row["mpjpe_cm"], still_cm)
  intervals = (row.get("interval_95") or {}).get("improvement_pct") or {}
  low = (intervals.get("mpjpe_cm") or [None])[0]
  if gain is None or round(gain) <= 0:
    worse = "" if gain is None or round(gain) == 0 else f": {-gain:.0f} % worse"
    return _NOT_BETTER + worse
  text = f"better than guessing (mean pose) by {gain:.0f} %"
  if low is not None and low <= 0:
    text += ", which may be chance"
  return text


def _followed(own: Mapping[str, Any], still: Mapping[str, Any]) -> list[str]:
  """Which parts of the body the model follows, best first."""
  gains = {
    name: gain_pct(
      own["per_part"][part]["mpjpe_cm"], still["per_part"][part]["mpjpe_cm"]
    )
    or 0.0
    for part, name in PART_NAMES.items()
  }
  order = sorted(gains, key=lambda name: -gains[name])
  follows = [name for name in order if gains[name] >= _FOLLOWS_PCT]
  hints = [n for n in order if _HINTS_PCT <= gains[n] < _FOLLOWS_PCT]
  if not follows and not hints:
    return ["follows no part of the body"]
  said = [f"follows the {_listed(follows)}"] if follows else []
  if hints:
    said.append(f"follows the {_listed(hints)} a little")
  return said


def _listed(names: Sequence[str]) -> str:
  if len(names) < 2:
    return "".join(names)
  return f"{', '.join(names[:-1])} and {names[-1]}"
