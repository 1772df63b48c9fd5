"""Writes procedural music as files: to play in a room, or to simulate with.

  python -m launch.studies.make_music --out=MUSIC
  python -m launch.studies.make_music --out=MUSIC --tracks=tide_5,swing_2 \
    --seconds=300

A track is a manner of `simulate.music.COMPOSED` and the number of a piece in
it: `haze_1` is another piece than `haze_0`. The same name and length give the
begin as a shorter one does). Files are 48 kHz stereo WAV of float32 samples;
`genres.csv` says what each is, for `--music_dir`. By default those seven tracks
are written that the figures about the music kernel are of.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Sequence

import soundfile
from absl import flags
from tqdm import tqdm

from bgm2pose_jax.base import command
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import whole_file
from bgm2pose_jax.simulate import music

_RATE_HZ = 48000
_STUDIED = [
  "haze_0",
  "haze_1",
  "drift_0",
  "drift_1",
  "tide_0",
  "tide_1",
  "swing_0",
]


def piece_of(track: str) -> tuple[str, int]:
  """Manner and number of a track's name.

  Raises:
    InputError: another form, or a manner that there is not.
  """
  found = re.fullmatch(r"([a-z]+)_(\d{1,9})", track)
  if found is None or found[1] not in music.COMPOSED:
    raise InputError(
      f"--tracks: {track!r}",
      "is not a manner and a number",
      f"write haze_0; manners are {', '.join(music.COMPOSED)}",
    )
  return found[1], int(found[2])


def write(folder: pathlib.Path, tracks: Sequence[str], seconds: float) -> None:
  """Writes the tracks and their genres.

  Args:
    folder: the folder, made when missing.
    tracks: names such as `haze_0`, each once.
    seconds: length of each.

  Raises:
    InputError: a wrong name, a folder with something in it, or one that
      cannot be written to.
  """
  pieces = [piece_of(track) for track in tracks]
  if not pieces or len(set(pieces)) < len(pieces):
    raise InputError("--tracks", f"{list(tracks)}", "name each track once")
  try:
    folder.mkdir(parents=True, exist_ok=True)
    taken = any(folder.iterdir())
  except OSError as error:
    raise InputError(
      folder, f"cannot be used ({error.strerror})", "name another folder"
    ) from None
  if taken:
    raise InputError(folder, "is not empty", "name a new folder")
  genres = ["file,genre"]
  for manner, number in tqdm(pieces, desc="make music", unit="track"):
    sound = music.compose(manner, seconds, number, _RATE_HZ)
    name = f"{manner}_{number}.wav"
    with whole_file.writing(folder / name) as file:
      soundfile.write(file, sound.T, _RATE_HZ, "FLOAT", format="WAV")
    genres.append(f"{name},{music.COMPOSED[manner].style}")
  whole_file.write_text(folder / "genres.csv", "\n".join(genres) + "\n")
  print(f"{folder}: {len(pieces)} tracks of {seconds:g} s")


def run() -> None:
  """The command line; prints one line and exits with 2 on unusable input."""
  flags.DEFINE_string("out", None, "folder to write, empty or new")
  flags.DEFINE_list(
    "tracks",
    _STUDIED,
    f"manner ({', '.join(music.COMPOSED)}) and number of each piece",
  )
  flags.DEFINE_float("seconds", 150.0, "length of each", 1.0, 3600.0)
  command.start(_main)


def _main(argv: Sequence[str]) -> None:
  values = flags.FLAGS
  with command.ending():
    command.no_arguments(argv)
    if not values.out:
      raise InputError("--out", "is missing", "see --help")
    write(pathlib.Path(values.out), values.tracks, values.seconds)


if __name__ == "__main__":
  run()
