"""MAPnet's configuration: takes, noise, features and loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema
from bgm2pose_jax.config.fields import field

SIMULATED, TELMI = "mapdat/simulated", "mapdat/telmi"
DATASETS = (SIMULATED, TELMI)
TAUS = (1.0, 0.5, 0.33)
SPLITS = ("take", "player", "random_variant")


@dataclasses.dataclass(frozen=True)
class SimulateConfig:
  """What the simulated violinists play when no recordings are given.

  Attributes:
    players: number of violinists, each of another size and posture.
    takes: takes of each; techniques in turn.
    take_s: length of a take in seconds.
    seed: seed of players, scores, sound and their order.
  """

  players: int = field(4, above=0)
  takes: int = field(12, above=0)
  take_s: float = field(20.0, at_least=3.0)
  seed: int = field(0, at_least=0)


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """Where windows come from and what the network is given of them.

  Attributes:
    dataset: `mapdat/simulated` or `mapdat/telmi`.
    mapdat_dir: folder of TELMI's datapacks, for `mapdat/telmi`.
    marker_map: JSON file {marker's name in the files: marker}; null knows the
      usual spellings.
    fit: how 13 joints are found from markers, see `telmi.joint_fit`.
    origin: `take` (the median left toe) or `frame` (each frame's own).
    tau: input frames for each output frame.
    noise: `fixed` gives every variant of a take its own noise, the same in
      every epoch; `fresh` draws new noise for every training example. Test
      windows always have the variants' own.
    variants: how many noisy variants of each take there are.
    noise_seed: seed of the variants.
    audio: what the network hears: its window's `own` sound, `none`, or
      `shuffled`, the sound of another training window.
    audio_scale: `take` leaves the features as they are, each divided by its
      largest value in the take; `training` also takes out their mean over
      training windows and divides by their deviation.
    validation_fraction: the last part of every training recording, kept for
      choosing the best weights; never trained on.
    simulate: the simulator's plan, used by `mapdat/simulated` alone.
  """

  dataset: str = field(
    SIMULATED,
    choices=DATASETS,
    flag="dataset",
    help="default: mapdat/simulated, or mapdat/telmi with --mapdat_dir",
  )
  mapdat_dir: str | None = field(
    None,
    flag="mapdat_dir",
    help="folder of TELMI's datapacks (RepoVizz), as folders or zip files",
  )
  marker_map: str | None = field(
    None,
    flag="marker_map",
    help="JSON file of {marker's name in the datapacks: marker that is meant}",
  )
  fit: str = field("mean", choices=("mean", "marker"))
  origin: str = field("take", choices=("take", "frame"))
  tau: float = field(
    0.33,
    choices=TAUS,
    flag="tau",
    help="input frames for each of the 50 output frames a second: 1, 0.5 or "
    "0.33 (default)",
  )
  noise: str = field(
    "fixed",
    choices=("fixed", "fresh"),
    flag="noise",
    help="noise of training poses: fixed (every variant its own, the paper's) "
    "or fresh (none ever repeats)",
  )
  variants: int = field(10, above=0)
  noise_seed: int = field(0, at_least=0)
  audio: str = field("own", choices=("own", "none", "shuffled"))
  audio_scale: str = field("take", choices=("take", "training"), later=True)
  validation_fraction: float = 0.1
  simulate: SimulateConfig = SimulateConfig()


@dataclasses.dataclass(frozen=True)
class LossConfig:
  """The training loss.

  Attributes:
    kind: `mpjpe`, the paper's, or `mpjpe_dyn`, which adds how velocities and
      accelerations differ in size and direction (VioPose's loss).
    dynamics: weight of both additions.
  """

  kind: str = field("mpjpe", choices=("mpjpe", "mpjpe_dyn"))
  dynamics: float = field(100.0, at_least=0)


@dataclasses.dataclass(frozen=True)
class Config(schema.Config):
  """One run of MAPnet or of a model it is compared with.

  Attributes:
    split_by: what folds leave out: takes, a player, or a noisy variant.
    data, loss: see their classes.
  """

  model: str = "mapnet"
  split_by: str = field(
    "take",
    choices=SPLITS,
    flag="split_by",
    help="take (default): a fifth of each player's takes is tested. player: "
    "one player is. random_variant: one noisy variant of every take is, as in "
    "the paper; the clean target of nearly every test window is then in "
    "training.",
  )
  data: DataConfig = DataConfig()
  loss: LossConfig = LossConfig()

  def validate(self, flat: Mapping[str, Any]) -> None:
    """Checks every field that has a range; see `schema.Config.validate`."""
    super().validate(flat)
    if not 0.0 < self.data.validation_fraction < 0.5:
      raise InputError(
        "data.validation_fraction",
        f"is {self.data.validation_fraction}",
        "give a fraction above 0 and below 0.5",
      )
    if self.split_by == "random_variant" and self.data.variants < 2:
      raise InputError(
        "data.variants",
        f"is {self.data.variants} with --split_by=random_variant",
        "give at least 2: one is tested, the others train",
      )
