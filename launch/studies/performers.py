"""What an unseen performer costs: body, performances, person, action, heading.

  python -m bgm2pose_jax.simulate --mocap_dir=MOCAP --music_dir=MUSIC \
    --performers=28 --minutes=2 --tracks=ambient_1 --out=RAW
  python -m launch.studies.performers --ampl_dir=RAW --out=STUDY

Ridge regression on the paper's maps and on the music kernel, tested on the last
half of performers' recordings while their body, their performances, the person
behind them, their actions or their headings are kept out of training; and
against hours of training motion and against training performers, with body and
performances unseen. Headings need recordings made with `--yaw=random`.

STUDY gets `lines.jsonl` (a line for each fit, written as soon as it is known),
`table.txt`, `performers.png` and `study.json`. The same command goes on where a
stopped one was.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

from absl import flags

from bgm2pose_jax.base import local_path
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import load, prepared
from bgm2pose_jax.files import json_file, own_file, whole_file
from bgm2pose_jax.files.json_lines import JsonLines
from bgm2pose_jax.systems.bgm2pose import prepare
from bgm2pose_jax.systems.bgm2pose.recipe import Recipe
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from launch.bench import harness
from launch.studies import performer_cases, performer_figure, performer_lines

_SETS = ("logmel_intensity", "music_kernel")
_AMPL = flags.DEFINE_string("ampl_dir", None, "recordings of performers")
_OUT = flags.DEFINE_string("out", None, "folder for lines, table and picture")
_TRACK = flags.DEFINE_string("track", None, "music; default: the first track")
_TESTED = flags.DEFINE_integer(
  "tested", 3, "how many performers to test, each in turn", lower_bound=1
)
_FEATURES = flags.DEFINE_multi_enum(
  "features", list(_SETS), _SETS, "sets to compare"
)
_ONLY = flags.DEFINE_list(
  "only", list(performer_cases.GROUPS), "groups of cases"
)
_POOL = flags.DEFINE_integer(
  "pool",
  2,
  "neighbouring bands averaged into one; more is quicker and coarser",
  lower_bound=1,
)
_DATA = flags.DEFINE_string(
  "data_dir", None, "where windows are prepared; default: the user's cache"
)


def _claim(folder: pathlib.Path, asked: dict[str, Any]) -> None:
  """Writes what the lines are of, or checks that the folder's are the same."""
  path = folder / "study.json"
  if path.exists():
    there = json_file.read(path, "give another --out")
    for key, value in asked.items():
      if there.get(key) != value:
        raise InputError(
          path,
          f"{key} is {there.get(key)!r}, asked for {value!r}",
          "give another --out",
        )
    return
  own_file.make_folder(folder)
  whole_file.write_text(path, json.dumps(asked, indent=2) + "\n")


def _write(
  folder: pathlib.Path, lines: list[dict[str, Any]], *, simulated: bool
) -> str:
  """Writes table and picture of the lines so far; returns the table."""
  rows = performer_lines.summary(lines)
  text = harness.table(rows, performer_lines.COLUMNS)
  head = "SIMULATED DATA\n" if simulated else ""
  whole_file.write_text(folder / "table.txt", f"{head}{text}\n")
  performer_figure.plot(
    rows, str(folder / "performers.png"), simulated=simulated
  )
  return text


def main() -> None:
  """Runs every case that no line is known of."""
  raw, out = harness.needed(_AMPL), harness.needed(_OUT)
  local_path.check("out", out)
  only = harness.among(_ONLY, performer_cases.GROUPS)
  folder = pathlib.Path(out)
  held = prepare.open_source("ampl/raw", raw).holdings()
  shown = held.performances
  if shown is None:
    raise InputError(raw, "holds no performers", "make it with --performers=N")
  track = _TRACK.value or next(iter(held.genres))
  if track not in held.genres:
    raise InputError(
      f"--track={track}", "unknown", f"choose of {', '.join(held.genres)}"
    )
  recorded = held.subjects[track]
  tested = [name for name in shown.shows if name in recorded][: _TESTED.value]
  about = harness.begin()
  found: list[dict[str, Any]] = []
  for feature_set in _FEATURES.value:
    source = prepare.open_source(
      "ampl/raw", raw, recipe=Recipe(feature_set=feature_set)
    )
    made = prepared.prepare(source, data_dir=_DATA.value, sections=[track])
    table = load.load(made, [track], MusicWindows)
    _claim(
      folder,
      {
        "recordings": table.recordings_digest,
        "track": track,
        "pool": _POOL.value,
      },
    )
    with JsonLines(folder / "lines.jsonl", process_index=0) as log:
      known = {
        tuple(each[key] for key in performer_lines.KEYS): each
        for each in log.read()
      }
      for name in tested:
        for case in performer_cases.cases(table, shown, name):
          if case.group not in only:
            continue
          key = (case.group, case.name, case.heading, feature_set, name)
          if key not in known:
            known[key] = performer_lines.line(
              table, shown, feature_set, name, case, pool=_POOL.value
            )
            log.write(known[key])
            print(harness.line(known[key]), flush=True)
      found = list(known.values())
    text = _write(folder, found, simulated=source.simulated)
  if not any(each["case"] == "heading" for each in found):
    print(
      "No unseen headings: everybody faces one way. Make recordings with"
      " --yaw=random."
    )
  print(f"RMSE of ridge, means over tested performers, 95 % interval\n{text}")
  harness.write(about, lines=found)


if __name__ == "__main__":
  harness.start(main)
