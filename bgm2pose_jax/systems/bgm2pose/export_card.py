"""What MODEL_CARD.md says of sound, poses and music."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.contract.export import Card

_GAINS = {
  "ambix": "AmbiX gains (SN3D)",
  "fuma": "Furse-Malham gains",
  "n3d": "N3D gains",
}
_NORMALISATION = {
  "track_channel": """\
Each channel of the features is standardised by a mean and deviation, which are
inside the programs: one row for each music of the training and one for any
other music. `track` chooses: -1, the row over all training recordings, for
music that is not in this list: {tracks}.""",
  "per_band": """\
Each band and channel that the network sees is standardised by its mean and
deviation over all training recordings, which are inside the programs. There is
nothing to choose, also not for music that the training did not have.""",
  "per_recording": """\
Each band and channel that the network sees is standardised by its mean and
deviation over the whole recording, never by the training's. They are inputs,
a row for each window, so that a batch may mix recordings:

1. Cut the whole recording into windows that do not overlap, and give all of
   them at once to `statistics_from_audio` (or `statistics_from_features`). It
   reads sound alone, never poses.
2. Hand its outputs to `from_audio` (or `from_features`), repeated for every
   window of that recording; windows may overlap here.

A recording too long for one call: for equally long parts the mean is the mean
of the parts' means, the variance the mean of their variances plus the variance
of their means. A stream, which has not heard the whole, may start from the
training's row, the last of each `statistics/inputs/...` in `model.safetensors`,
and mix in what it has heard so far.""",
}


def card(facts: Mapping[str, Any]) -> Card:
  """Writes this system's part of the card.

  Args:
    facts: content of the export's config.json.
  """
  config = facts["config"]
  dataset = facts["dataset"].get("name") or config["data"]["dataset"]
  about = f"""\
A loudspeaker pair plays music, a first-order ambisonics microphone records the
room, and the person between changes the sound. From 0.6 s of both the network
gives {facts["spec"]["window_frames"]} poses. Setting `{config["setting"]}`, \
data `{dataset}`, music of the training:
{", ".join(facts["train_tracks"]) or "not known"}.

It is made for research. A person whose room, loudspeakers and microphone differ
from the training's is outside what it learnt."""
  return Card(
    title="3D human pose from background music",
    about=about,
    sections=(_conventions(facts), _normalisation(facts)),
  )


def _conventions(facts: Mapping[str, Any]) -> str:
  stated = facts["ambisonic_format"]
  gains = _GAINS.get(stated, stated) if stated else "the gains are not known"
  rate, spec = facts["sample_rate_hz"], facts["spec"]
  hop = round(spec["hop_s"] * rate)
  times = facts["frame_times_s"]
  seen = facts["config"]["data"]["context_frames"]
  context = spec["context_frames"] + seen
  more = ""
  if context:
    more += (
      f"\n- Sound has {context} frames ({context * hop} samples) more on "
      "either side of the window, silence where there is none."
    )
  if seen:
    more += (
      f"\n- Features have {seen} frames more on either side, copies of the "
      "first and the last where\n  the recording has no more."
    )
  joints = ", ".join(f"{i} {name}" for i, name in enumerate(facts["joints"]))
  return f"""## Conventions

- Sound: {rate} Hz, full scale 1. Recording: W X Y Z in this order, {gains}.
  Music: left and right as played, on the recording's clock (aligned).
- A frame is {spec["hop_s"] * 1000:g} ms ({hop} samples), a window \
{spec["window_frames"]} frames. A pose is that of its frame's middle:
  {times[0]:g} s, {times[1]:g} s, ... {times[-1]:g} s after the window's first \
sample.{more}
- Poses: right-handed, y up, hips at x = z = 0, lowest joint at y = 0, in \
hip-spine lengths
  (about 9.21 cm in AMPL; times a person's own length they are metres).
- Joints, in order: {joints}.
- Features (`from_features`): `{spec["name"]}`, not normalised, channels \
{" ".join(ch["name"] for ch in spec["channels"])}."""


def _normalisation(facts: Mapping[str, Any]) -> str:
  text = _NORMALISATION[facts["feature_norm"]].format(
    tracks=", ".join(
      f"{row} {track}"
      for row, track in enumerate(facts["tracks"])
      if track in facts["train_tracks"]
    )
  )
  return f"## Normalisation\n\n{text}"
