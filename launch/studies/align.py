"""Measures how well recordings are aligned with their music.

  python -m launch.studies.align --cases=100
  python -m launch.studies.align --cases=100 --music_dir=MUSIC --body_every=10

Every case is a simulated recording in a room of its own, with late
reverberation and noise, of which start and drift of the music are known; the
music is moved there by soxr and the Fourier transform, not by the code under
test. Then another track is looked for in it, and the track in nothing but
noise. Exit code 0 when at least 99 % are within 1 ms and 5 ppm and 99 % of
these are refused, else 1. A part of the same track that was not played is
looked for too, and counted apart: music that is built from loops has the same
samples there, and is rightly found.
"""

from __future__ import annotations

from absl import flags

from launch.bench import harness
from launch.studies import align_case, align_figures

_CASES = flags.DEFINE_integer("cases", 100, "recordings to simulate", 1)
_FIRST = flags.DEFINE_integer("first", 0, "number of the first case", 0)
_SEED = flags.DEFINE_integer("seed", 0, "of all cases")
_SECONDS = flags.DEFINE_float("seconds", 60.0, "length of a recording", 20.0)
_OFFSET_S = flags.DEFINE_float("longest_offset_s", 30.0, "of the music")
_DRIFT_PPM = flags.DEFINE_float("largest_drift_ppm", 100.0, "of the clocks")
_SNR_DB = flags.DEFINE_float("snr_db", 10.0, "recording over noise")
_BODY_EVERY = flags.DEFINE_integer(
  "body_every", 0, "a person moves in every so manyth case; 0: in none", 0
)
_WRONG = flags.DEFINE_bool("wrong", True, "also look for wrong music")
_MUSIC_DIR = flags.DEFINE_string(
  "music_dir", None, "folder of audio files; default: the embedded pieces"
)

_EMBEDDED_S = 150.0


def main() -> int:
  """Prints a line a case and the summary; code 1 where the aims are missed."""
  plan = align_case.Plan(
    seconds=_SECONDS.value,
    longest_offset_s=_OFFSET_S.value,
    largest_drift_ppm=_DRIFT_PPM.value,
    snr_db=_SNR_DB.value,
    body_every=_BODY_EVERY.value,
  )
  tracks = align_case.load_tracks(_MUSIC_DIR.value, _EMBEDDED_S)
  about = harness.begin()
  rows = []
  for number in range(_FIRST.value, _FIRST.value + _CASES.value):
    case = align_case.make_case(plan, tracks, number, _SEED.value)
    rows.append(align_figures.measure(case, tracks, plan, _WRONG.value))
    print(harness.line(rows[-1]), flush=True)
    harness.write(about, rows=rows)
  lines, met = align_figures.summary(rows)
  print("\n".join(lines))
  return 0 if met else 1


if __name__ == "__main__":
  harness.start(main)
