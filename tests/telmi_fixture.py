"""Datapacks as TELMI has them, made from known joints: the reader's inverse.

`write_pack` takes anything with `pose_m`, `sound` and `sample_rate_hz` (a
`Take`), puts markers on its joints so that the reader's formulas give the
joints back, and writes the datapack in one of the forms that RepoVizz has.
"""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol
from xml.sax.saxutils import quoteattr

import numpy as np
import soundfile
from scipy import interpolate

from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet.take import Take

TERMS = "Free for internal, non-commercial use.\nNo redistribution.\n"
# {place: name in one of the styles}
STYLES = {
  "short": "{s}{short}",
  "long": "{Side}{Long}",
  "underscore": "{s}_{Long}",
}
_SHORT = {
  "shoulder": "SHO",
  "back_shoulder": "BSHO",
  "inner_elbow": "IEL",
  "outer_elbow": "OEL",
  "inner_wrist": "IWR",
  "outer_wrist": "OWR",
  "back_waist": "BWT",
  "inner_knee": "IKNE",
  "outer_knee": "OKNE",
  "toe": "TOE",
}
_PAIRS = {
  "SHO": ("shoulder", "back_shoulder"),
  "MEL": ("inner_elbow", "outer_elbow"),
  "MWR": ("inner_wrist", "outer_wrist"),
  "KNE": ("inner_knee", "outer_knee"),
}
_UP = np.array([0.0, 1.0, 0.0])
# Where a take's origin stands in the room: a marker at the room's own would be
# taken for one that was lost.
PLACE_M = np.array([0.7, 0.03, -0.4])
_UNITS_M = {"mm": 0.001, "cm": 0.01, "m": 1.0}
# Rows are the capture's axes in x, y (up), z of the pose.
_AXES = {
  "y": np.eye(3),
  "z": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
  "x": np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]]),
  "-y": np.diag([1.0, -1.0, -1.0]),
  "z, left-handed": np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]]),
}


class TakeLike(Protocol):
  """What a datapack is made of."""

  @property
  def pose_m(self) -> np.ndarray: ...

  @property
  def sound(self) -> np.ndarray: ...

  @property
  def sample_rate_hz(self) -> int: ...


@dataclasses.dataclass(frozen=True)
class Form:
  """How a datapack is written.

  Attributes:
    is_zip: an archive instead of a folder.
    nested: all files lie in a folder inside.
    header: of the CSV files, 0 to 2.
    case: of attribute names: `camel`, `lower`, or `mixed` per node.
    number: format of a value; `point` writes whole numbers as `0.`.
    trailing_comma: behind the last value.
    empty_fields: counts and ranges are empty in the XML.
    style: of marker names, see `STYLES`.
    suffix: behind every marker's name, as `.take1`.
    unit: of the markers.
    up: the axis that is up.
    rate_hz: of the markers.
    bow: whether bow and violin have markers.
    with_c7: whether C7 has a marker.
    single_signal: one file per marker with FrameSize 3.
    sound: ending of the pickup's file.
    sound_rows: {file stem: (category, gain)}.
    terms: text of the TERMS file; None for none.
    lost: (place, start_s, stop_s, how) with how `nan`, `zero` or `empty`.
    metadata: {name: value}.
    root_name: of the XML's root.
  """

  is_zip: bool = True
  nested: bool = True
  header: int = 1
  case: str = "mixed"
  number: str = "%.6f"
  trailing_comma: bool = True
  empty_fields: bool = True
  style: str = "short"
  suffix: str = ".take1"
  unit: str = "mm"
  up: str = "z"
  rate_hz: float = 50.0
  bow: bool = True
  with_c7: bool = True
  single_signal: bool = False
  sound: str = "wav"
  sound_rows: Mapping[str, tuple[str, float]] = dataclasses.field(
    default_factory=lambda: {
      "00_audio_ambient": ("Ambient", 0.3),
      "00_audio_pickup": ("Pickup", 1.0),
    }
  )
  terms: str | None = TERMS
  lost: tuple[tuple[str, float, float, str], ...] = ()
  metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
  root_name: str = ""


def write_pack(
  folder: Path,
  take: TakeLike,
  name: str = "01_detache",
  *,
  lead_s: float = 0.0,
  tail_s: float = 0.0,
  **form: Any,
) -> Path:
  """Writes a datapack.

  Args:
    folder: made when missing.
    take: `pose_m` [t, 13, 3] at 50 frames per second, metres, y up; `sound`
      [n] and its rate. Bow and violin meet for all of it.
    name: of the archive or folder.
    lead_s: stillness and silence before the take, the bow away.
    tail_s: likewise, behind it.
    **form: see `Form`.

  Returns:
    The datapack's path.
  """
  chosen = Form(**form)
  pose_m = np.asarray(take.pose_m, np.float64) + PLACE_M
  lead, tail = round(50 * lead_s), round(50 * tail_s)
  played = np.zeros(lead + len(pose_m) + tail, bool)
  played[lead : lead + len(pose_m)] = True
  pose_m = np.pad(pose_m, ((lead, tail), (0, 0), (0, 0)), "edge")
  rate = take.sample_rate_hz
  sound = np.pad(
    np.asarray(take.sound, np.float64),
    (round(lead_s * rate), round(tail_s * rate)),
  )
  markers = markers_of(pose_m, played if chosen.bow else None)
  if not chosen.with_c7:
    del markers["c7"]
  files = pack_files(markers, sound, rate, chosen)
  return write_files(folder, name, files, chosen)


def write_takes(folder: Path, takes: Iterable[Take], **form: Any) -> Path:
  """Writes a datapack for each take, which names its player and technique.

  Args:
    folder: made when missing.
    takes: their names become those of the datapacks.
    **form: as in `write_pack`.

  Returns:
    The folder.
  """
  for take in takes:
    facts = {"Player": take.player, "Technique": take.technique}
    write_pack(folder, take, take.name, metadata=facts, **form)
  return folder


def write_files(
  folder: Path, name: str, files: Mapping[str, bytes], form: Form
) -> Path:
  """Writes the files of a datapack as an archive or a folder."""
  folder.mkdir(parents=True, exist_ok=True)
  inner = f"{name}/" if form.nested else ""
  if form.is_zip:
    path = folder / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
      for file, data in files.items():
        archive.writestr(inner + file, data)
    return path
  path = folder / name
  for file, data in files.items():
    target = path / (inner + file)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
  return path


def markers_of(
  pose_m: np.ndarray, played: np.ndarray | None
) -> dict[str, np.ndarray]:
  """Puts markers on joints, the inverse of `fit=mean`.

  Args:
    pose_m: [t, 13, 3] metres, y up.
    played: bool [t], where the bow touches the string; None for no bow.

  Returns:
    {place: [t, 3]} metres.
  """
  joints = {name: pose_m[:, i] for i, name in enumerate(BODY13.joints)}
  across = joints["RBWT"] - joints["LBWT"]
  forward = np.cross(_UP, across)
  forward /= np.linalg.norm(forward, axis=1, keepdims=True)
  out = {"c7": joints["C7"]}
  for side, s in (("right", "R"), ("left", "L")):
    sign = 1.0 if side == "right" else -1.0
    for joint, (first, second) in _PAIRS.items():
      middle = joints[s + joint] + (0.04 * _UP if joint == "SHO" else 0.0)
      apart = np.array([0.02 * sign, 0.01, 0.03])
      out[f"{side}_{first}"] = middle + apart
      out[f"{side}_{second}"] = middle - apart
    out[f"{side}_back_waist"] = joints[s + "BWT"] - 0.08 * forward
    out[f"{side}_toe"] = joints[s + "TOE"]
  if played is not None:
    hand, shoulder = joints["RMWR"], joints["LSHO"]
    bridge = shoulder + 0.15 * forward + 0.05 * _UP
    # Through a point 5 mm above the bridge, or 200 mm where nothing is played.
    height = np.where(played, 0.005, 0.2)[:, None] * _UP
    along = bridge - hand
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    level = np.cross(along, np.cross(_UP, along))
    lift = height[:, 1:2] * level / np.linalg.norm(level, axis=1, keepdims=True)
    out["bow_frog"] = hand + lift
    out["bow_tip"] = hand + 0.75 * along + lift
    out["bridge"] = bridge
  return out


def marker_name(place: str, form: Form) -> str:
  """Returns a marker's name in the form's style."""
  if place in ("c7", "bow_frog", "bow_tip", "bridge"):
    plain = {
      "c7": "C7",
      "bow_frog": "BowFrogRviolin",
      "bow_tip": "BowTipLviolin",
      "bridge": "ViolinBridge",
    }[place]
  else:
    side, _, part = place.partition("_")
    plain = STYLES[form.style].format(
      s=side[0].upper(),
      Side=side.title(),
      short=_SHORT[part],
      Long=part.title().replace("_", ""),
    )
  return plain + form.suffix


def pack_files(
  markers: Mapping[str, np.ndarray], sound: np.ndarray, rate: int, form: Form
) -> dict[str, bytes]:
  """Returns the files of a datapack, {name: content}, the XML first."""
  nodes: list[str] = []
  files: dict[str, bytes] = {}
  count = 0
  for i, (place, track_m) in enumerate(markers.items()):
    track = _resampled(track_m, form.rate_hz)
    track = track @ _AXES[form.up].T / _UNITS_M[form.unit]
    holes = [hole[1:] for hole in form.lost if hole[0] == place]
    # Names of files say nothing of the marker.
    stem = f"00_stream{i:02d}"
    columns = (
      [("XYZ", track)]
      if form.single_signal
      else [(a, track[:, k : k + 1]) for k, a in enumerate("XYZ")]
    )
    signals = []
    for axis, values in columns:
      file = f"{stem}_{axis}coord.csv"
      files[file] = csv_bytes(values, form, holes)
      size = values.shape[1]
      attributes = {
        "ID": f"ROOT0_MoCa0_MoCa{i}_{axis}0",
        "Category": axis,
        "FileType": "CSV",
        "Filename": file,
        "FrameSize": "" if form.empty_fields and size == 1 else str(size),
        "NumSamples": "" if form.empty_fields else str(values.size),
        "MinVal": "",
        "SampleRate": f"{form.rate_hz:g}",
      }
      signals.append(_node("Signal", attributes, form, count))
      count += 1
    name = {"Category": "MoCapMarker", "Name": marker_name(place, form)}
    nodes.append(_node("Generic", name, form, count, "".join(signals)))
  sounds = []
  for stem, (category, gain) in form.sound_rows.items():
    file = f"{stem}.{form.sound}"
    files[file] = sound_bytes(gain * sound, rate, form.sound)
    attributes = {
      "ID": f"ROOT0_Mult0_Audi0_{category[:4]}0",
      "Category": category,
      "FileType": "BWF",
      "Filename": file,
      "NumChannels": "1",
      "NumSamples": "",
      "SampleRate": str(rate),
    }
    sounds.append(_node("Audio", attributes, form, count))
    count += 1
  gyro = np.zeros((20, 1))
  files["00_myo1_gyro__x.csv"] = csv_bytes(gyro, form, [])
  sensor = {"Category": "Gyro", "Filename": "00_myo1_gyro__x.csv"}
  documents = ""
  if form.terms is not None:
    files["terms.txt"] = form.terms.encode()
    terms = {"Category": "TERMS", "Filename": "terms.txt"}
    documents = _node("File", terms, form, 0)
  facts = "".join(
    _node("Generic", {"Name": key, "Value": value}, form, 0)
    for key, value in form.metadata.items()
  )
  groups = [
    _node("Generic", {"Category": "METADATA"}, form, 0, facts),
    _node("Generic", {"Category": "AudioGroup"}, form, 0, "".join(sounds)),
    _node("Generic", {"Category": "MoCapGroup"}, form, 0, "".join(nodes)),
    _node("Signal", sensor, form, 1),
    documents,
  ]
  root = {"ID": "ROOT0", "Name": form.root_name}
  text = _node("ROOT", root, form, 0, "".join(groups))
  xml = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'
  return {"session.xml": xml.encode(), **files}


def _node(
  tag: str, attributes: Mapping[str, str], form: Form, count: int, inner=""
) -> str:
  lower = form.case == "lower" or (form.case == "mixed" and count % 2 == 1)
  said = " ".join(
    f"{key.lower() if lower else key}={quoteattr(value)}"
    for key, value in attributes.items()
  )
  return f"<{tag} {said}>{inner}</{tag}>\n"


def csv_bytes(
  values: np.ndarray, form: Form, holes: list[tuple[float, float, str]]
) -> bytes:
  """Writes a signal [t, size] in RepoVizz's form."""
  rate = form.rate_hz
  heads = (
    f"repovizz,framerate={rate:g}",
    f"repovizz,framerate={rate:.2f},minval={values.min():f},"
    f"maxval={values.max():f}",
    f"repoVizz,category=X,name=some marker,framerate={rate:g},oddkey=1,flag",
  )
  cells = [[_number(value, form) for value in row] for row in values]
  for start_s, stop_s, how in holes:
    text = {"nan": "NaN", "zero": "0.", "empty": ""}[how]
    for k in range(round(start_s * rate), round(stop_s * rate)):
      cells[k] = [text] * len(cells[k])
  line = ",".join(cell for row in cells for cell in row)
  line += "," if form.trailing_comma else ""
  return f"{heads[form.header]}\n{line}\n".encode()


def _number(value: float, form: Form) -> str:
  if form.number == "point":
    return f"{round(value)}."
  return form.number % value


def sound_bytes(sound: np.ndarray, rate: int, ending: str) -> bytes:
  """Encodes a sound."""
  file = io.BytesIO()
  kind = {"wav": "WAV", "mp3": "MP3"}[ending]
  subtype = {"wav": "PCM_16", "mp3": "MPEG_LAYER_III"}[ending]
  soundfile.write(file, sound, rate, subtype, format=kind)
  return file.getvalue()


def _resampled(track: np.ndarray, rate_hz: float) -> np.ndarray:
  if rate_hz == 50.0:
    return track
  time_s = np.arange(len(track)) / 50.0
  count = int((len(track) - 1) * rate_hz / 50.0 + 1e-6) + 1
  return interpolate.CubicSpline(time_s, track)(np.arange(count) / rate_hz)


def standing_violinist(
  seconds: float, seed: int = 0, strokes_hz: float = 1.0
) -> np.ndarray:
  """A stick figure that bows, [t, 13, 3] metres, y up, looking along -z.

  The trunk sways as one piece; bones of the arms are not kept.
  """
  rng = np.random.default_rng(seed)
  rest = {
    "C7": (0.0, 1.45, 0.05),
    "RSHO": (0.18, 1.38, 0.0),
    "LSHO": (-0.18, 1.38, 0.0),
    "RMEL": (0.34, 1.2, -0.12),
    "LMEL": (-0.3, 1.18, -0.2),
    "RMWR": (0.25, 1.2, -0.35),
    "LMWR": (-0.32, 1.38, -0.4),
    "RBWT": (0.12, 0.98, 0.02),
    "LBWT": (-0.12, 0.98, 0.02),
    "RKNE": (0.13, 0.5, 0.0),
    "LKNE": (-0.13, 0.5, 0.0),
    "RTOE": (0.16, 0.03, -0.15),
    "LTOE": (-0.16, 0.03, -0.15),
  }
  time_s = np.arange(round(50 * seconds))[:, None] / 50.0
  pose_m = np.stack([np.tile(rest[j], (len(time_s), 1)) for j in BODY13.joints])
  pose_m = pose_m.transpose(1, 0, 2)
  phase = rng.uniform(0, 2 * np.pi)
  sway = 0.02 * np.sin(2 * np.pi * 0.3 * time_s + phase)
  pose_m[:, :9, 0] += sway
  bow = 0.03 * np.sin(2 * np.pi * strokes_hz * time_s[:, 0] + phase)
  pose_m[:, BODY13.index("RMWR"), 0] += bow
  pose_m[:, BODY13.index("RMEL"), 0] += 0.3 * bow
  return pose_m + rng.uniform(0.5, 1.5, (1, 1, 3)) * np.array([1.0, 0.0, 1.0])
