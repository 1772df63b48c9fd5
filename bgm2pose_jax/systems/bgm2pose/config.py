"""BGM2Pose's configuration: settings, recordings, features and losses."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema
from bgm2pose_jax.config.fields import field
from bgm2pose_jax.config.schema import OptimConfig as OptimConfig
from bgm2pose_jax.config.schema import RunConfig as RunConfig

SETTINGS = ("single", "cross_music", "cross_genre", "plain_clothes")
# Gains of first-order channels.
AMBISONIC_FORMATS = ("ambix", "fuma", "n3d")
# Six seconds on either side of a window.
LONGEST_CONTEXT = 120
DATASETS = ("ampl/simulated", "ampl/released", "ampl/raw")


@dataclasses.dataclass(frozen=True)
class SimulateConfig:
  """What the simulator makes when no recordings are given.

  Attributes:
    subjects: number of procedural people (with motion files: all of theirs).
    minutes: length of each recording; one is made per subject and track.
    seed: the seed of motion, music, body sizes, noise and their order.
    snr_db: background noise below the recording; null switches it off. Not for
      scenes that bring their own noise.
    scene: room, loudspeakers and microphone: a name of `simulate.scenes`, with
      values of fields behind it, or a JSON file.
    performers: number of performers made of the captured people, see
      `simulate.performers`; 0 lets those move themselves. For motion files.
  """

  subjects: int = field(7, above=0)
  minutes: float = field(5.0, above=0)
  seed: int = 0
  snr_db: float | None = 40.0
  scene: str = field(
    "plain",
    later=True,
    flag="scene",
    help="room to simulate: plain, measured (reverberation, residual and noise "
    "as in real rooms), classroom, carpet, tile, wood_floor; with fields "
    "behind it (measured:tail.t60_s=1.6:residual=none); or a JSON file of them",
  )
  performers: int = field(
    0,
    at_least=0,
    later=True,
    flag="performers",
    help="number of performers to make of the people in --mocap_dir: other "
    "bodies that do the same actions, each in its own manner, of which some "
    "are mirrored (default: 0, the captured people move themselves)",
  )


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """Where windows come from and how they are normalised.

  Attributes:
    dataset: one of `ampl/simulated`, `ampl/released`, `ampl/raw`.
    ampl_dir: folder that holds AMPL, for `released` and `raw`.
    mocap_dir: motion files to simulate from; null for procedural motion.
    joint_map: JSON or CSV file that says which names in the motion files are
      which joints; null takes `joint_map.json` of `mocap_dir`, if it is there.
    music_dir: music files to simulate from; null for procedural music.
    feature_set: name of the feature set, see `features.feature_sets`.
    static_response: what the static room is learnt from, for sets that
      measure against it: `whole` recording, `causal`, `first:SECONDS`,
      `around:SECONDS`, or a file; see `still_room.static_form.StaticForm`.
    ambisonic_format: gains of the recordings' channels, `ambix` (SN3D), `fuma`
      (W 3 dB down) or `n3d`; null is not stated (AMPL does not), or what a
      simulated recording says of itself. Nothing is converted: it goes with
      the weights, and predictions from sound of another convention are
      refused.
    channel_order: order of the channels in the recordings' files, `wxyz`
      (FuMa, B-format) or `wyzx` (AmbiX: ACN); null is W X Y Z where nothing
      speaks against it. Sound is put in the order W X Y Z as it is read.
    noise_snr_db: white noise added to recording and music of every window, in
      training and test; null adds none. Not for `released`.
    feature_norm: `track_channel` (the paper's), `per_band`, or
      `per_recording`, whose statistics are those of each recording's own sound,
      the test recording's too (`features.normalisation`); ridge gets the same.
    norm_stats: `fitted` on the training rows, or `table`: the published code's
      constants for AMPL's four tracks (`features.ampl_statistics`). Those are
      the same for all folds, computed over recordings of test subjects and
      test tracks too. Other tracks, and simulated data, stay fitted. For
      `track_channel` alone.
    inputs: what the network sees, one of `features.LAYOUTS`; null is the
      network's own.
    context_frames: frames of the recording on either side of a window that a
      network sees as well, an even number; the poses stay the window's. Beyond
      the recording's ends, or where released data leave windows out, its first
      and last frame are repeated.
    heading: `room` keeps poses in the room's axes; `own` turns each frame about
      the vertical until the hips face +z, so that nobody needs to tell where
      the person looks (`body21.in_own_heading`). Not for `released`.
    pose_norm: `none` (the paper's: heights of a dozen hip-spine lengths are
      learned from zero) or `center` (the network learns the deviation from
      the training mean pose).
    validation_fraction: the last part of every training recording, kept for
      choosing the best weights; never trained on.
    simulate: the simulator's plan, used by `ampl/simulated` alone.
  """

  dataset: str = field(
    "ampl/simulated",
    choices=DATASETS,
    flag="dataset",
    help="default: ampl/simulated, or what --ampl_dir holds",
  )
  ampl_dir: str | None = field(
    None,
    flag="ampl_dir",
    help="folder of AMPL; alone it implies the dataset it holds",
  )
  mocap_dir: str | None = field(
    None,
    flag="mocap_dir",
    help="simulate from these motion files (BVH, OptiTrack CSV)",
  )
  joint_map: str | None = field(
    None,
    flag="joint_map",
    help="file that says which names in --mocap_dir are which joints: JSON "
    '{"their name": "joint", ...} or CSV name,joint (default: joint_map.json '
    "of the folder, if it is there)",
  )
  music_dir: str | None = field(
    None, flag="music_dir", help="simulate from these music files"
  )
  feature_set: str = field(
    "logmel_intensity",
    flag="features",
    help="logmel_intensity: the paper's nine maps. music_kernel: how the "
    "room's response differs from the still room's. both: all of it. The last "
    "two need sound, not AMPL's released features",
  )
  static_response: str = field(
    "whole",
    flag="static_response",
    help="what music_kernel learns the still room from: whole (the whole "
    "recording, its poses never), causal (what was heard before), "
    "first:SECONDS, around:SECONDS (against clocks that drift), or a file of "
    "another recording (python -m bgm2pose_jax.data.response_file)",
  )
  ambisonic_format: str | None = field(
    None,
    choices=(None, *AMBISONIC_FORMATS),
    flag="ambisonic_format",
    help="gains of the recordings' channels alone, not their order, where "
    "--ampl_dir's files do not say (simulated ones do): ambix (SN3D), fuma (W "
    "3 dB down) or n3d; stored with the weights, so that predictions from "
    "sound of another convention are refused. AmbiX files (W Y Z X, SN3D) take "
    "--channel_order=wyzx too, FuMa files (W X Y Z) do not",
  )
  channel_order: str | None = field(
    None,
    choices=(None, *ambisonics.ORDERS),
    flag="channel_order",
    help=f"{ambisonics.ORDER_HELP}. Not given: wxyz, and recordings that are "
    "clearly in another order are refused",
  )
  noise_snr_db: float | None = field(
    None,
    flag="noise_snr_db",
    help="white noise on recording and music of every window, largest "
    "amplitudes this many dB apart (the paper's noise table: 10); needs sound, "
    "not AMPL's released features",
  )
  feature_norm: str = field(
    "track_channel", choices=("track_channel", "per_band", "per_recording")
  )
  norm_stats: str = field("fitted", choices=("fitted", "table"))
  inputs: str | None = None
  context_frames: int = field(0, at_least=0)
  heading: str = field(
    "room",
    choices=("room", "own"),
    later=True,
    flag="heading",
    help="axes of the poses: room, or own, the person's own heading in each "
    "frame; needs recordings, not AMPL's released poses",
  )
  pose_norm: str = field("none", choices=("none", "center"))
  validation_fraction: float = 0.1
  simulate: SimulateConfig = SimulateConfig()


@dataclasses.dataclass(frozen=True)
class BatchConfig(schema.BatchConfig):
  """How windows become batches.

  Attributes:
    grouping: `segment` (windows of the same music segment share a batch, the
      paper's hard negatives), `track` or `random`.
  """

  grouping: str = field("segment", choices=("segment", "track", "random"))


@dataclasses.dataclass(frozen=True)
class LossConfig:
  """Weights of the training loss (paper, section 3; project page).

  Attributes:
    smoothness: weight of the squared frame-difference error.
    contrastive: weight of the pose-audio InfoNCE.
    contrastive_scale: multiplies the cosines: 1 / 0.07 in the text, ln of it
      in the official code.
  """

  smoothness: float = field(100.0, at_least=0)
  contrastive: float = field(1.0, at_least=0)
  contrastive_scale: float = 1.0 / 0.07


@dataclasses.dataclass(frozen=True)
class Config(schema.Config):
  """One run of BGM2Pose or of a network it is compared with.

  Attributes:
    setting: `single`, `cross_music`, `cross_genre` or `plain_clothes`.
    test_track: track to test on; null is the setting's first.
    test_subject: subject to test on; null takes `fold`.
    fold_by: `subject`, `clip` or `person`.
    batch, data, loss: see their classes.
  """

  model: str = "bgm2pose"
  setting: str = field(
    "single",
    choices=SETTINGS,
    flag="setting",
    help="single: same track, unseen subject. cross_music: also an unseen "
    "track of a known genre. cross_genre: also an unseen genre. "
    "plain_clothes: recordings without poses, predictions and page only.",
  )
  test_track: str | None = field(
    None,
    flag="test_track",
    help="track to test on (default: the setting's first)",
  )
  test_subject: str | None = field(
    None,
    flag="test_subject",
    replaces="fold",
    help="subject to test on; overrides --fold. For AMPL the files' own id "
    "(raw id), or paper:<n> for the paper's",
  )
  fold_by: str = field(
    "subject",
    choices=("subject", "clip", "person"),
    flag="fold_by",
    help="leave out a subject (a performer: and the performances it shows), a "
    "fifth of everybody's clips (annotation labels), or, with --performers, "
    "a captured person: every performer made of them and all they showed",
  )
  batch: BatchConfig = BatchConfig()
  data: DataConfig = DataConfig()
  loss: LossConfig = LossConfig()

  def validate(self, flat: Mapping[str, Any]) -> None:
    """Checks every field that has a range; see `schema.Config.validate`."""
    super().validate(flat)
    norm = self.data.feature_norm
    if self.data.norm_stats == "table" and norm != "track_channel":
      raise InputError(
        "data.norm_stats",
        f"is table with data.feature_norm={norm}",
        "the constants are for track_channel: take that, or "
        "data.norm_stats=fitted",
      )
    context = self.data.context_frames
    if context % 2 or context > LONGEST_CONTEXT:
      raise InputError(
        "data.context_frames",
        f"is {context}",
        f"give an even number up to {LONGEST_CONTEXT}: networks halve time "
        "twice",
      )
    if not 0.0 < self.data.validation_fraction < 0.5:
      raise InputError(
        "data.validation_fraction",
        f"is {self.data.validation_fraction}",
        "give a fraction above 0 and below 0.5",
      )
