r"""Records any motion with any music in a simulated room.

    bgm2pose simulate --out=/data/simulated
    bgm2pose simulate --out=/data/simulated --minutes=2 \
      --mocap_dir=/data/mocap --music_dir=/data/music --tracks=ambient_1

Running the same command again goes on where the last one stopped.
"""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags, logging

from bgm2pose_jax.base import command, given_paths, local_path, log_lines
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.base.help_text import REQUIRED, Help
from bgm2pose_jax.config import command_flags as config_flags
from bgm2pose_jax.poses import subject_evidence
from bgm2pose_jax.runtime import platforms
from bgm2pose_jax.simulate import scene_file, sessions
from bgm2pose_jax.simulate.scene import Scene
from bgm2pose_jax.systems.bgm2pose.config import DataConfig
from bgm2pose_jax.systems.bgm2pose.simulated import casting, raw_folder

HELP = Help(
  "bgm2pose simulate",
  __doc__ or "",
  {
    REQUIRED: ("out",),
    "Motion and music": (
      "mocap_dir",
      "joint_map",
      "music_dir",
    ),
    "What to record": (
      "subjects",
      "performers",
      "tracks",
      "minutes",
      "seed",
      "yaw",
    ),
    "The room": (
      "scene",
      "snr_db",
    ),
  },
)


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""
  plan = raw_folder.RawPlan()
  flags.DEFINE_string("out", None, "folder to write", flag_values=values)
  config_flags.define(
    [DataConfig],
    values,
    only=("mocap_dir", "joint_map", "music_dir", "performers"),
  )
  flags.DEFINE_list(
    "subjects",
    [],
    f"number of procedural people (default {plan.subjects}), or names; with"
    " --mocap_dir names of captured people (default: all)",
    flag_values=values,
  )
  flags.DEFINE_list(
    "tracks", [], "tracks to record; default: all", flag_values=values
  )
  flags.DEFINE_float(
    "minutes", plan.minutes, "length of each recording", flag_values=values
  )
  flags.DEFINE_integer(
    "seed", plan.seed, "of people, order, music and noise", flag_values=values
  )
  flags.DEFINE_string(
    "snr_db",
    None,
    "recording over noise in dB, or none; default: the scene's, or"
    f" {plan.snr_db:g} without --scene",
    flag_values=values,
  )
  flags.DEFINE_string(
    "scene",
    None,
    "plain, measured (reverberation, residual and noise as in real rooms), "
    "classroom, carpet, tile or wood_floor, with fields behind it "
    "(measured:tail.t60_s=1.6:residual=none); or a JSON file with fields "
    "(room_m, mic_m, speakers_m, ...)",
    flag_values=values,
  )
  flags.DEFINE_enum(
    "yaw",
    plan.yaw,
    sessions.YAWS,
    "heading of captured people",
    flag_values=values,
  )


def read_plan(values: flags.FlagValues) -> raw_folder.RawPlan:
  """The plan that the flags describe.

  Raises:
    InputError: a value that cannot be used.
  """
  people: int | tuple[str, ...] = raw_folder.RawPlan().subjects  # type: ignore
  if len(values.subjects) == 1 and values.subjects[0].isdecimal():
    people = int(values.subjects[0])
    if values.mocap_dir is not None:
      people = (values.subjects[0],)
  elif values.subjects:
    people = tuple(values.subjects)
  scene = scene_file.read(values.scene)
  return raw_folder.RawPlan(
    subjects=people,
    tracks=tuple(values.tracks),
    minutes=values.minutes,
    seed=values.seed,
    snr_db=_read_snr(values, scene),
    scene=scene,
    mocap_dir=values.mocap_dir,
    joint_map=values.joint_map,
    music_dir=values.music_dir,
    yaw=values.yaw,
    performers=values.performers or 0,
  )


def _read_snr(values: flags.FlagValues, scene: Scene) -> float | None:
  """The level asked for, else that of the scene file, else the plan's."""
  if values.snr_db is None:
    if values.scene is None:
      return raw_folder.RawPlan().snr_db
    return None if scene.noise == "none" else scene.snr_db
  if values.snr_db.lower() == "none":
    return None
  try:
    return float(values.snr_db)
  except ValueError:
    raise InputError(
      "--snr_db", f"{values.snr_db!r}", "give a number of decibels or none"
    ) from None


def main(argv: Sequence[str]) -> None:
  """Makes the folder; one line and exit status 2 on unusable input."""
  log_lines.show_from(logging.INFO)
  values = flags.FLAGS
  with command.ending():
    command.no_arguments(argv)
    command.require(values, "out")
    local_path.check("out", values.out)
    given_paths.folders(values, "mocap_dir", "music_dir")
    given_paths.files(values, "joint_map", "scene")
    platforms.check()
    plan = read_plan(values)
    found = casting.cast(plan)
    if found.people is not None and (
      guessed := subject_evidence.explain(
        found.people.subject_from,
        found.subjects
        if found.performances is None
        else found.performances.people(),
      )
    ):
      logging.warning(
        "%s; name who moves in the column subject of clips.csv", guessed
      )
    report = raw_folder.make_raw(values.out, plan)
    print(
      f"{values.out}: {len(report.made)} recordings made,"
      f" {len(report.kept)} kept, {report.recorded_s / 60:.1f} min in"
      f" {report.wall_s:.0f} s"
    )


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  command.start(main, HELP)
