"""Measures the simulator: multiple of real time, operations, share of a floor.

  python launch/bench_simulator.py --seconds=60

The operations counted are the multiplications and additions that the body's
spectra need however they are arranged (docstring of `count_operations`). The
floor is the time this machine takes for the same number in the densest form
it has, a matrix product on all cores; the share is floor over measured time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import ceilings
import jax
import numpy as np
from absl import app, flags

from bgm2pose_jax.simulate import recorder
from bgm2pose_jax.simulate.body_response import body_response
from bgm2pose_jax.simulate.response_plan import BLOCK_HOPS, Plan, make_plan
from bgm2pose_jax.simulate.scene import Scene
from bgm2pose_jax.skeleton import JOINTS

_SECONDS = flags.DEFINE_float("seconds", 60.0, "seconds of audio to render")
_REPEATS = flags.DEFINE_integer("repeats", 3, "runs; the fastest counts")
_HOP_S = flags.DEFINE_float(
  "hop_s", Scene().body_hop_s, "hop of the body's spectra"
)

# Height, and distance from the midline, of a standing person's joints.
_STANDING = {
  "Hips": (1.0, 0.0),
  "Spine": (1.1, 0.0),
  "Spine1": (1.3, 0.0),
  "Neck": (1.5, 0.0),
  "Head": (1.65, 0.0),
  "Shoulder": (1.45, 0.06),
  "Arm": (1.43, 0.18),
  "ForeArm": (1.15, 0.2),
  "Hand": (0.9, 0.22),
  "UpLeg": (0.95, 0.1),
  "Leg": (0.5, 0.1),
  "Foot": (0.08, 0.1),
  "ToeBase": (0.02, 0.1),
}


def swaying_person(seconds: float, rate_hz: float = 120.0) -> np.ndarray:
  """A standing person who sways by 20 cm, float32 [time, 21, 3]."""
  pose = np.zeros((len(JOINTS), 3))
  for i, joint in enumerate(JOINTS):
    side = 1 if joint.startswith("Left") else -1
    name = joint.removeprefix("Left").removeprefix("Right")
    height, away = _STANDING[name]
    pose[i] = (side * away, height, 0.0)
  t = np.arange(int(seconds * rate_hz) + 1) / rate_hz
  way = 0.2 * np.sin(np.pi * t)[:, None, None] * np.array([1.0, 0.1, 0.5])
  return (pose + way).astype(np.float32)


def count_operations(
  plan: Plan, sources: int, spheres: int, seconds: float
) -> float:
  """Real multiplications and additions of the body's transfer functions.

  Per hop, source, sphere and frequency: phasor product 6, interpolated
  amplitude 4, their product 6, sum into four channels 16; per lookup (every
  `BLOCK_HOPS` hops) 16. Transforms: 5 n log2 n per segment of n samples, half
  that for real ones.
  """
  hops = seconds * plan.sample_rate_hz / plan.sizes.hop
  paths = hops * sources * spheres * plan.sizes.bins * (32 + 16 / BLOCK_HOPS)
  n = plan.sizes.fft_size
  transforms = hops * (sources + 4) * 2.5 * n * np.log2(n)
  return float(paths + transforms)


def main(argv: Sequence[str]) -> None:
  """Renders and prints."""
  del argv
  scene = Scene(body_hop_s=_HOP_S.value)
  seconds = _SECONDS.value
  pose = swaying_person(seconds)
  rng = np.random.default_rng(0)
  samples = int(seconds * scene.sample_rate_hz)
  music = rng.standard_normal((2, samples), dtype=np.float32)
  spheres, rectangles = recorder.scatterers(pose)
  plan = make_plan(scene, spheres)

  def body() -> np.ndarray:
    return body_response(scene, music, spheres, 120.0, rectangles=rectangles)

  start = time.perf_counter()
  recorder.render(scene, music[:, :9600], pose)
  print(f"first call (table, compilation): {time.perf_counter() - start:.1f} s")
  whole_s = ceilings.fastest_s(
    lambda: recorder.render(scene, music, pose), _REPEATS.value
  )
  body_s = ceilings.fastest_s(body, _REPEATS.value)
  static_s = ceilings.fastest_s(
    lambda: recorder.static_recording(scene, music), _REPEATS.value
  )
  number = spheres.centres_m.shape[1]
  operations = count_operations(plan, len(music), number, seconds)
  peak = ceilings.matmul_flops_per_second("float32", _REPEATS.value)
  print(
    f"scene: {len(music)} loudspeakers, {number} spheres, "
    f"hop {plan.sizes.hop} samples, segments of {plan.sizes.fft_size}, "
    f"{plan.sizes.bins} frequencies; {jax.devices()[0].device_kind}"
  )
  for name, spent in (
    ("whole recording", whole_s),
    ("body", body_s),
    ("static room", static_s),
  ):
    print(f"{name}: {spent:.2f} s = {seconds / spent:.1f} x real time")
  print(
    f"body: {operations / 1e9:.1f} G operations, "
    f"{operations / body_s / 1e9:.1f} G/s; floor at {peak / 1e9:.0f} G/s: "
    f"{operations / peak:.2f} s, share reached {operations / peak / body_s:.0%}"
  )


if __name__ == "__main__":
  app.run(main)
