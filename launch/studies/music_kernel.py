"""What disturbs the music kernel, and what it holds against log-mel maps.

  python -m bgm2pose_jax.simulate --music_dir=MUSIC --subjects=6 --minutes=2 \
    --out=RAW
  python -m launch.studies.music_kernel --ampl_dir=RAW --tracks=haze_0,drift_0 \
    --unseen=tide_0 --json=study.json --plot=study.png

Ridge regression learns from all people but the first, on `--tracks`, and is
tested on the first, on the first of these tracks and on `--unseen`, while the
test recordings (or, where it says so, all of them) are disturbed: noise,
loudness, misaligned music, clocks that drift, another source of the static
response, other rooms (`--other_rooms`, folders made with other scenes, of the
first person and both tracks at least). Each line is written as soon as it is
known.
"""

from __future__ import annotations

import pathlib
from typing import Any

from absl import flags

from bgm2pose_jax.base.errors import InputError
from launch.bench import harness
from launch.studies import cases, figure

_AMPL = flags.DEFINE_string("ampl_dir", None, "recordings, raw layout")
_TRACKS = flags.DEFINE_list("tracks", None, "tracks to learn from")
_UNSEEN = flags.DEFINE_string("unseen", None, "track that nobody learns from")
_OTHERS = flags.DEFINE_list(
  "other_rooms", [], "folders of the same in other rooms, called by their name"
)
_ONLY = flags.DEFINE_list("only", None, "groups of cases; default: all")
_FEATURES = flags.DEFINE_multi_enum(
  "features", list(cases.SETS), cases.SETS, "sets to compare"
)
_PLOT = flags.DEFINE_string("plot", None, "PNG of all cases")


def _rooms(study: cases.Study) -> dict[str, cases.Study]:
  """The other rooms, by the names of their folders."""
  found: dict[str, cases.Study] = {}
  for room in _OTHERS.value:
    other = cases.Study(room, study.tracks[:1], study.unseen)
    if other.tested != study.tested:
      raise InputError(
        room, f"begins with {other.tested!r}", f"record {study.tested!r}"
      )
    if found.setdefault(pathlib.Path(room).name, other) is not other:
      raise InputError(room, "is named like another room", "rename it")
  return found


def main() -> None:
  """Runs every case and prints its line."""
  folder, unseen = harness.needed(_AMPL), harness.needed(_UNSEEN)
  tracks = harness.needed(_TRACKS).split(",")
  study = cases.Study(folder, tracks, unseen)
  if len(study.others) < 2:
    raise InputError(folder, "holds too few people", "make three")
  others = _rooms(study)
  about = harness.begin()
  if study.simulated:
    print("SIMULATED DATA")
  print("RMSE of ridge below the mean pose, 95 % interval over stretches")
  rows: list[dict[str, Any]] = []
  for case in cases.cases(tuple(others)):
    if _ONLY.value and case.group not in _ONLY.value:
      continue
    for feature_set in (s for s in case.sets if s in _FEATURES.value):
      row = study.line(feature_set, case, others)
      rows.append(row)
      print("  ".join(f"{row[name]!s:<28}" for name in cases.COLUMNS))
      harness.write(about, rows=rows)
      if _PLOT.value:
        figure.plot(rows, _PLOT.value)
  print()
  harness.show(rows, cases.COLUMNS)


if __name__ == "__main__":
  harness.start(main)
