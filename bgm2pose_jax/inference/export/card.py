"""MODEL_CARD.md: what whoever gets the folder has to know."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.report import table as table_lib

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


def render(facts: Mapping[str, Any], results: Mapping[str, Any] | None) -> str:
  """Writes the card.

  Args:
    facts: content of config.json.
    results: content of the run's results.json, or None.

  Returns:
    Markdown.

  Raises:
    InputError: the results are no run's.
  """
  parts = [
    _head(facts),
    _figures(results),
    _conventions(facts),
    "## Normalisation\n\n"
    + _NORMALISATION[facts["feature_norm"]].format(
      tracks=", ".join(
        f"{row} {track}"
        for row, track in enumerate(facts["tracks"])
        if track in facts["train_tracks"]
      )
    ),
    _programs(facts),
    _running(facts),
    _files(facts),
  ]
  return "\n\n".join(parts) + "\n"


def _head(facts: Mapping[str, Any]) -> str:
  config = facts["config"]
  dataset = facts["dataset"].get("name") or config["data"]["dataset"]
  if facts["simulated"]:
    data = (
      "> **TRAINED ON SIMULATED RECORDINGS.** No microphone heard anything of "
      "this.\n> What it does on recordings of a real room is not known."
    )
  else:
    data = f"Trained on recordings ({dataset})."
  tracks = ", ".join(facts["train_tracks"]) or "not known"
  head = f"""# {facts["model"]}: 3D human pose from background music

{data}

A loudspeaker pair plays music, a first-order ambisonics microphone records the
room, and the person between changes the sound. From 0.6 s of both the network
gives {facts["spec"]["window_frames"]} poses. {facts["parameters"]:,} \
parameters, step {facts["step"]}, preset
`{config["preset"]}`, setting `{config["setting"]}`, data `{dataset}`, music \
of the training: {tracks}.

It is made for research. A person whose room, loudspeakers and microphone differ
from the training's is outside what it learnt."""
  if facts["origin"]:
    head += f"\n\nThe weights come from elsewhere: `{facts['origin']}`."
  return head


def _figures(results: Mapping[str, Any] | None) -> str:
  head = "## Measured\n\n"
  if results is None:
    return head + "The run has no results: nothing is known about its errors."
  try:
    table = table_lib.render(results)
  except (KeyError, TypeError, AttributeError) as error:
    raise InputError(
      "results.json", f"is no run's ({error!r})", "restore it or move it away"
    ) from error
  return (
    f"{head}On the run's test recordings, with the weights that its report is "
    f"about; lengths in\nhip-spine lengths.\n\n```\n{table}\n```"
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


def _programs(facts: Mapping[str, Any]) -> str:
  lines = ["## Programs", ""]
  lines += [
    "Each takes a dict of arrays and returns one (flattened in the order of "
    "names); `b` is any",
    f"number of windows. Platforms: {', '.join(facts['platforms'])}. One "
    "batch size compiles once.",
  ]
  for name, program in facts["programs"].items():
    lines += ["", f"`{name}.stablehlo`: {program['what']}", ""]
    lines += ["| | array | shape | type | what |", "| --- " * 5 + "|"]
    for way in ("inputs", "outputs"):
      for key, array in program[way].items():
        shape = ", ".join(map(str, array["shape"]))
        lines.append(
          f"| {way[:-1]} | `{key}` | [{shape}] | {array['dtype']} | "
          f"{array['what']} |"
        )
  if facts["config"]["run"]["compute_dtype"] != "float32":
    kind = facts["config"]["run"]["compute_dtype"]
    lines += ["", f"Inside the network they compute in {kind}."]
  return "\n".join(lines)


def _running(facts: Mapping[str, Any]) -> str:
  batch = 2
  program = facts["programs"]["from_features"]
  lines = []
  for name, array in program["inputs"].items():
    shape = tuple(batch if n == "b" else n for n in array["shape"])
    make = "ones" if name.endswith("_std") else "zeros"
    lines.append(f'  "{name}": np.{make}({shape}, np.{array["dtype"]}),')
  inputs = "\n".join(lines)
  return f"""## Running it

Needs `pip install jax flatbuffers numpy` and nothing else, in this folder:

```python
import jax, jax.export
import numpy as np

content = open("from_features.stablehlo", "rb").read()
network = jax.jit(jax.export.deserialize(bytearray(content)).call)
windows = {{
{inputs}
}}
pose = network(windows)["pose"]  # [{batch}, frame, joint, 3]
```

or, sums checked, from files of windows by the names above:

```
python run_exported.py inputs.npz poses.npz
```"""


def _files(facts: Mapping[str, Any]) -> str:
  versions = "\n".join(
    f"{name} {version}" for name, version in sorted(facts["versions"].items())
  )
  return f"""## Files

- `model.safetensors`: weights and statistics with their names, `config.json`: \
everything else
  as values. These two last; `python -m bgm2pose_jax.export --from_export=DIR \
--out=RUN` makes a
  run's folder of them again.
- `*.stablehlo`: made for the version of JAX below; JAX promises to read them \
for six months of
  newer versions. Export again after that.
- `SHA256SUMS`: `sha256sum -c SHA256SUMS`.

Programs: {_licence()}, as bgm2pose_jax. What may be done with the weights \
also depends on the
data they were trained on.

```
{versions}
```"""


def _licence() -> str:
  try:
    found = importlib.metadata.metadata("bgm2pose-jax")
  except importlib.metadata.PackageNotFoundError:
    return "Apache-2.0"
  return found.get("License-Expression") or "Apache-2.0"
