"""PoseKernelLifter's configuration: samples, rooms, inputs, grid and loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema
from bgm2pose_jax.config.fields import field
from bgm2pose_jax.systems.posekernel.sample import PAIRS

SIMULATED, RELEASED = "posekernel/simulated", "posekernel/released"
DATASETS = (SIMULATED, RELEASED)
SPLITS = ("environment", "block")
INPUTS = ("both", "visual", "audio")


@dataclasses.dataclass(frozen=True)
class SimulateConfig:
  """Which rooms are simulated when no data is given.

  Attributes:
    environments: rooms, each of another size, absorption, rig and camera.
    samples: samples of each.
    persons: people who stand in the rooms, the same in all.
    scattering: `spheres` solves the wave equation for the body's rigid
      spheres; `surface` adds first reflections of points on its surface.
    kernel_snr_db: level of the kernel over the recording's noise.
    drift_k: largest drift of the air's temperature from that of the empty
      room's recordings, kelvin.
    moved_walls: the last fifth of each environment's samples is recorded after
      its walls were moved, with an empty-room recording of its own.
    mocap_dir: folder of motion files; null makes the motion.
    joint_map: JSON or CSV file that says which names in the motion files are
      which joints; null takes `joint_map.json` of `mocap_dir`, if it is there.
    seed: seed of everything.
  """

  environments: int = field(5, above=0)
  samples: int = field(300, above=0)
  persons: int = field(8, above=0)
  scattering: str = field("spheres", choices=("spheres", "surface"))
  kernel_snr_db: float = field(
    20.0,
    flag="kernel_snr_db",
    help="level of simulated kernels over the recording's noise, dB",
  )
  drift_k: float = field(0.05, at_least=0)
  moved_walls: bool = field(
    False,
    flag="moved_walls",
    help="simulate the last fifth of each room's samples after its walls were "
    "moved",
  )
  mocap_dir: str | None = None
  joint_map: str | None = None
  seed: int = field(0, at_least=0)


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """Where samples come from and what the network is given of them.

  Attributes:
    dataset: `posekernel/simulated` or `posekernel/released`.
    posekernel_dir: folder of the released data, for `posekernel/released`.
    inputs: what the network is given.
    pairs: how many pairs it hears, the first ones; 0 means all.
    validation_fraction: the last part of every training recording, kept for
      choosing the best weights; never trained on.
    simulate: the simulator's plan, used by `posekernel/simulated` alone.
  """

  dataset: str = field(
    SIMULATED,
    choices=DATASETS,
    flag="dataset",
    help="default: posekernel/simulated, or posekernel/released with "
    "--posekernel_dir",
  )
  posekernel_dir: str | None = field(
    None,
    flag="posekernel_dir",
    help="folder of the released data: dataset/environment1/..., or the folder "
    "above",
  )
  inputs: str = field(
    "both",
    choices=INPUTS,
    flag="inputs",
    help="what the network is given: both (default), visual (2D keypoints) or "
    "audio (kernels)",
  )
  pairs: int = field(
    0,
    at_least=0,
    flag="pairs",
    help="how many pairs of loudspeaker and microphone are heard, the first "
    "ones; 0 (default) means all",
  )
  validation_fraction: float = 0.1
  simulate: SimulateConfig = SimulateConfig()


@dataclasses.dataclass(frozen=True)
class EncodingConfig:
  """How kernels and keypoints fill the voxels.

  Attributes:
    grid: voxels along x, z and y.
    voxel_m: edge of a voxel, metres.
    ray_sigma_px: deviation of a keypoint's Gaussian in the image.
    radial_average: average a kernel's envelope over the radii of a voxel.
    mask_m: path length below which a kernel is set to zero: what is left of
      the direct sound.
    spreading: multiply a kernel by the square of its radius, by which an
      echo's amplitude falls on its way out and back.
    compress: `sqrt` takes the root of the loudness in a voxel, so that weak
      echoes show beside strong ones; `none` leaves it.
  """

  grid: tuple[int, int, int] = (35, 35, 25)
  voxel_m: float = field(0.1, above=0)
  ray_sigma_px: float = field(8.0, above=0)
  radial_average: bool = True
  mask_m: float = field(0.6, at_least=0)
  spreading: bool = True
  compress: str = field("sqrt", choices=("sqrt", "none"))


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
  """What is drawn anew for every training example, see `augmentation`.

  Attributes:
    detector: `fixed` keeps the sample's own keypoints; `fresh` draws the
      simulated detector's errors, at the true joints.
    shift_m: the grid is moved by up to this much along each axis.
    mirror: half of the examples have left and right exchanged.
    turn_deg: the camera goes around the middle of the grid by up to this
      angle, to either side.
    tilt_deg: its other two angles.
    move_m: it is moved by up to this much along each axis.
  """

  detector: str = field("fixed", choices=("fixed", "fresh"))
  shift_m: float = field(0.0, at_least=0)
  mirror: bool = False
  turn_deg: float = field(0.0, at_least=0)
  tilt_deg: float = field(0.0, at_least=0)
  move_m: float = field(0.0, at_least=0)


@dataclasses.dataclass(frozen=True)
class LossConfig:
  """The training loss.

  Attributes:
    sigma_m: deviation of the Gaussian around each true joint, metres.
    heat_pos_weight: weight of voxels within three deviations; 1 is plain.
  """

  sigma_m: float = field(0.1, above=0)
  heat_pos_weight: float = field(10.0, above=0)


@dataclasses.dataclass(frozen=True)
class Config(schema.Config):
  """One run of PoseKernelLifter or of a model it is compared with.

  Attributes:
    split_by: what folds leave out.
    read_out: how a joint is read from its heatmap: `hard`, the fullest voxel;
      `soft`, the centre of the voxels around it; `ray`, that point moved to the
      nearest one of the joint's viewing ray, where the joint was detected.
    data, encoding, augment, loss: see their classes.
  """

  model: str = "posekernel"
  split_by: str = field(
    "environment",
    choices=SPLITS,
    flag="split_by",
    help="environment (default): one room is tested. block: a fifth of each "
    "room's samples, neighbours in time, is.",
  )
  read_out: str = field("soft", choices=("soft", "hard", "ray"))
  data: DataConfig = DataConfig()
  encoding: EncodingConfig = EncodingConfig()
  augment: AugmentConfig = AugmentConfig()
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
    if self.data.pairs > PAIRS:
      raise InputError(
        "data.pairs",
        f"is {self.data.pairs}",
        f"a rig has {PAIRS}: give 0 to {PAIRS}",
      )
    moved = max(
      self.augment.turn_deg, self.augment.tilt_deg, self.augment.move_m
    )
    if moved > 0 and self.augment.detector != "fresh":
      raise InputError(
        "augment.detector",
        "is fixed, but another camera sees joints at other pixels",
        "set augment.detector=fresh, or turn_deg, tilt_deg and move_m to 0",
      )
    if self.read_out == "ray" and self.data.inputs == "audio":
      raise InputError(
        "read_out",
        "is ray with data.inputs=audio, which sees no keypoints",
        "take soft or hard",
      )
