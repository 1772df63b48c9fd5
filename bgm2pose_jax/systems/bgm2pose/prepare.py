r"""Builds windows of recordings, real or simulated, before a training does.

    bgm2pose prepare --ampl_dir=/data/ampl
    bgm2pose prepare --ampl_dir=/data/ampl --report_only
    bgm2pose prepare --tracks=haze,swing --minutes=2
    bgm2pose prepare --ampl_dir=/data/ampl \
      --beam_options=direct_num_workers=8,direct_running_mode=multi_processing

A training builds what is missing by itself. Several of these commands may run
at once: each window is built once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags, logging

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.base import command, given_paths, local_path, log_lines
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.base.help_text import Help
from bgm2pose_jax.config import command_flags as config_flags
from bgm2pose_jax.data import manifest as manifest_lib
from bgm2pose_jax.data import prepared
from bgm2pose_jax.data.partial_builds import Parts
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose import splits
from bgm2pose_jax.systems.bgm2pose.ampl import find, sources, track_examples
from bgm2pose_jax.systems.bgm2pose.config import (
  Config,
  DataConfig,
  SimulateConfig,
)
from bgm2pose_jax.systems.bgm2pose.recipe import DEFAULT, Recipe
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

if TYPE_CHECKING:
  from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec

# Flags of the configuration that say what to prepare.
_RECORDINGS = (
  "dataset",
  "ampl_dir",
  "mocap_dir",
  "joint_map",
  "music_dir",
  "features",
  "static_response",
  "noise_snr_db",
  "channel_order",
  "heading",
  "performers",
  "scene",
)
# Text, numbers and names of one stored window.
_TEXT_BYTES = 400
# A change of what is stored, or of what the simulator makes, makes old folders
# unusable: count up.
_FORMAT = 1


@dataclasses.dataclass(frozen=True)
class MusicSource:
  """Recordings and how they become windows: a `data.source.Source`.

  Attributes:
    recordings: what is there.
    recipe: how they become windows.
  """

  recordings: sources.Recordings
  recipe: Recipe = DEFAULT

  @property
  def dataset(self) -> str:
    """One of `sources.DATASETS`."""
    return self.recordings.dataset

  @property
  def simulated(self) -> bool:
    """Whether the simulator made the recordings, now or earlier."""
    return self.recordings.simulated

  @property
  def keeps_parts(self) -> bool:
    """Published windows are copied, which is quicker than keeping them."""
    return self.dataset != sources.RELEASED

  @property
  def window_bytes(self) -> int:
    """Bytes of one stored window."""
    spec = self._spec()
    cells = spec.bands * len(spec.channels) + 3 * BODY21.num_joints
    return 4 * spec.window_frames * cells + _TEXT_BYTES

  @property
  def raw_bytes(self) -> int:
    """Bytes of recordings behind one window; 0 where they need not be made."""
    return self.recordings.raw_bytes

  def holdings(self) -> splits.Holdings:
    """Returns tracks with genres and subjects."""
    return self.recordings.holdings()

  def sections(self) -> tuple[str, ...]:
    """Returns the tracks."""
    return tuple(self.holdings().genres)

  def usable_sections(self) -> tuple[str, ...]:
    """Returns the tracks with a recording of somebody not excluded."""
    held = self.holdings()
    return tuple(
      track
      for track in held.genres
      if {*held.subjects.get(track, ()), *held.without_pose.get(track, ())}
      - set(held.excluded)
    )

  def content(self) -> dict[str, Any]:
    """Returns what, if changed, makes other windows; tracks may be added.

    Raises:
      InputError: features or poses that the recordings cannot give.
    """
    if self.dataset == sources.RELEASED:
      # Published as they are; recordings would be needed to make others.
      known = {f.name for f in dataclasses.fields(DataConfig)}
      for field in dataclasses.fields(Recipe):
        asked = getattr(self.recipe, field.name)
        if asked != field.default:
          raise InputError(
            # One of them is no field of a run's configuration.
            f"data.{field.name}" if field.name in known else field.name,
            f"is {asked}",
            f"{self.dataset} holds {field.default or 'no noise'} and nothing "
            "else: its sound is not published",
          )
    identity = self.recordings.identity()
    return {"format": _FORMAT, **self.recipe.identity(), **identity}

  def count_windows(self, sections: Sequence[str]) -> dict[str, int]:
    """Returns {track: windows to build}, after checking the recordings."""
    return self.recordings.count_windows(sections)

  def folder(
    self, section: str, scratch: Path, progress: bool
  ) -> AbstractContextManager[Path]:
    """Gives the folder to build a track from, made in `scratch` if need be."""
    return self.recordings.folder(section, scratch, progress)

  def manifest_fields(self, section: str) -> dict[str, Any]:
    """Returns the track and the specification of its features."""
    return {"track": section, "spec": self._spec().to_dict()}

  def builder(
    self,
    section: str,
    folder: Path,
    stage: Path,
    *,
    on_windows: Callable[[int], object],
    beam_refusal: Path | None,
    parts: Parts | None,
  ) -> Any:
    """Returns the TFDS builder of a track, see `data.source.Source`."""
    # Installed from the top-level folder `datasets`, where pyright looks not.
    from bgm2pose_jax.datasets.ampl import (  # pyright: ignore
      ampl_dataset_builder,
    )

    def examples() -> Any:
      how, found = track_examples.find(
        str(folder),
        section,
        released=self.dataset == sources.RELEASED,
        recipe=self.recipe,
        parts=parts,
      )
      if beam_refusal is None:
        return enumerate(track_examples.in_turn(how, found, on_windows))
      from bgm2pose_jax.data import beam_examples

      return beam_examples.examples(how, found, beam_refusal)

    return ampl_dataset_builder.Builder(
      config=self.dataset.removeprefix("ampl/"),
      data_dir=str(stage),
      table=MusicWindows,
      fields=self.manifest_fields(section),
      examples=examples,
    )

  def inventory(self) -> str | None:
    """Returns a table of what was found; None when nothing was looked for."""
    return self.recordings.inventory()

  def _spec(self) -> FeatureSpec:
    # The sets need JAX, which says what is there without.
    from bgm2pose_jax.systems.bgm2pose import features

    return features.get_feature_set(self.recipe.feature_set).spec


def open_source(
  dataset: str = sources.SIMULATED,
  ampl_dir: str | None = None,
  simulate: SimulateConfig | None = None,
  mocap_dir: str | None = None,
  music_dir: str | None = None,
  joint_map: str | None = None,
  *,
  recipe: Recipe = DEFAULT,
  channel_order: str | None = None,
  gains: str | None = None,
) -> MusicSource:
  """Looks at where windows come from, without computing anything.

  Args:
    dataset, ampl_dir, simulate, mocap_dir, music_dir, joint_map: see
      `sources.open_source`.
    recipe: how recordings become windows.
    channel_order: the order that somebody stated; None for nobody. Stated, it
      is taken against all that the sound says.
    gains: gains of the channels that somebody stated; None for nobody.

  Returns:
    What is there, as it is now.

  Raises:
    InputError: an unknown dataset, or a folder that does not hold what it
      should.
  """
  recordings = sources.open_source(
    dataset,
    ampl_dir,
    simulate,
    mocap_dir,
    music_dir,
    joint_map,
    channel_order=channel_order,
    gains=gains,
  )
  return MusicSource(recordings, recipe)


def source_of(config: Config) -> MusicSource:
  """Looks at where the windows of a run come from.

  Args:
    config: the run's configuration.

  Raises:
    InputError: as `open_source`, or features that nobody can make.
  """
  return _source(config.data)


def _source(data: DataConfig) -> MusicSource:
  return open_source(
    data.dataset,
    data.ampl_dir,
    data.simulate,
    data.mocap_dir,
    data.music_dir,
    data.joint_map,
    recipe=Recipe(
      feature_set=data.feature_set,
      static_response=data.static_response,
      noise_snr_db=data.noise_snr_db,
      channel_order=data.channel_order or ambisonics.DEFAULT_ORDER,
      heading=data.heading,
    ),
    channel_order=data.channel_order,
    gains=data.ambisonic_format,
  )


HELP = Help(
  "bgm2pose prepare",
  __doc__ or "",
  {
    "Which recordings": (
      *("dataset", "ampl_dir", "mocap_dir", "joint_map", "music_dir"),
      *("tracks", "channel_order"),
    ),
    "Which windows": (
      *("features", "static_response", "noise_snr_db", "heading"),
    ),
    "Simulated recordings": (
      *("subjects", "performers", "minutes", "seed", "scene", "snr_db"),
    ),
    "How": ("report_only", "data_dir", "beam_options"),
  },
)


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""
  defaults = SimulateConfig()
  config_flags.define([DataConfig], values, only=_RECORDINGS)
  flags.DEFINE_bool(
    "report_only",
    False,
    "say what is there, prepare nothing",
    flag_values=values,
  )
  flags.DEFINE_list(
    "tracks", None, "tracks to prepare; default: all", flag_values=values
  )
  flags.DEFINE_string(
    "data_dir", None, "where; default: the user's cache", flag_values=values
  )
  flags.DEFINE_integer(
    "subjects", defaults.subjects, "simulated people", flag_values=values
  )
  flags.DEFINE_float(
    "minutes", defaults.minutes, "length of a recording", flag_values=values
  )
  flags.DEFINE_integer(
    "seed", defaults.seed, "of the simulation", flag_values=values
  )
  flags.DEFINE_float(
    "snr_db", defaults.snr_db, "noise below the recording", flag_values=values
  )
  flags.DEFINE_list(
    "beam_options",
    None,
    "build through Apache Beam (extra `beam`) with these options of its "
    "pipeline, e.g. direct_num_workers=2,direct_running_mode=multi_processing "
    "on this machine or runner=DataflowRunner,project=... on a cluster that "
    "shares the folders",
    flag_values=values,
  )


def run() -> None:
  """The command line; prints one line and exits with 2 on unusable input."""
  define_flags(flags.FLAGS)
  command.start(_main, HELP)


def _main(argv: Sequence[str]) -> None:
  values = flags.FLAGS
  log_lines.show_from(logging.INFO)
  with command.ending():
    command.no_arguments(argv)
    given_paths.folders(values, "ampl_dir", "mocap_dir", "music_dir")
    given_paths.files(values, "joint_map")
    local_path.check("data_dir", values.data_dir)
    given = config_flags.given(DataConfig)
    inner = "simulate."
    simulate = {
      key.removeprefix(inner): given.pop(key)
      for key in list(given)
      if key.startswith(inner)
    }
    data = DataConfig(
      **given,
      simulate=SimulateConfig(
        **simulate,
        subjects=values.subjects,
        minutes=values.minutes,
        seed=values.seed,
        snr_db=values.snr_db,
      ),
    )
    if values.dataset is None and data.ampl_dir is not None:
      data = dataclasses.replace(data, dataset=find.find_dataset(data.ampl_dir))
    source = _source(data)
    inventory = source.inventory()
    if inventory is not None:
      print(inventory, flush=True)
    if values.report_only:
      if inventory is None:
        raise InputError(
          "--report_only", f"{data.dataset} has no folder", "add --ampl_dir=..."
        )
      return
    made = prepared.prepare(
      source,
      data_dir=values.data_dir,
      sections=values.tracks,
      beam_options=values.beam_options,
    )
    for track, folder in made.dirs.items():
      count = manifest_lib.read(folder).count
      print(f"{track}: {count} windows in {folder}")


if __name__ == "__main__":
  run()
