"""The paper's tables, as cells that runs of a sweep fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.sweep import Cell, Sweep
from bgm2pose_jax.systems.bgm2pose import prepare, splits
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.presets import ablations

# The paper's order of rows: oldest first.
_MODELS = ("wipose", "speech2gesture", "acousticpose", "bgm2pose")
_NOISE_SNR_DB = "10"
_LABELS = {
  "wipose": "WiPose",
  "speech2gesture": "Speech2Gesture",
  "acousticpose": "AcousticPose",
  "bgm2pose": "BGM2Pose",
  "mean_pose": "mean pose",
  "no_cpe": "w/o CPE",
  "no_hard_negatives": "w/o hard negatives",
  "no_fa": "w/o FA",
  "no_bgm": "w/o BGM conditioning",
  "music_only": "music only",
  "cross_music": "cross-music",
  "cross_genre": "cross-genre",
  "plain_clothes": "plain clothes",
}


def _models(setting: str, **more: str) -> list[Cell]:
  return [{"setting": setting, "model": m, **more} for m in _MODELS]


def _labels(cell: Cell) -> tuple[str, str]:
  """Labels of a cell's row and column."""
  label, ablation = (
    _LABELS.get(name, name)
    for name in (cell["model"], cell.get("ablation", "none"))
  )
  if ablation != "none":
    label = ablation if cell["model"] == "bgm2pose" else f"{label}, {ablation}"
  column = _LABELS.get(cell["setting"], cell["setting"])
  noise = cell.get("noise_snr_db")
  return label, f"{column}, {noise} dB" if noise else column


def _places(
  configs: Sequence[Config],
  tracks: Sequence[str] | None,
  folds: Sequence[int] | None,
) -> list[Mapping[str, Sequence[int]]]:
  """The test tracks of each configuration's setting, and their folds."""
  seen: dict[object, splits.Holdings] = {}
  out: list[Mapping[str, Sequence[int]]] = []
  unused = set(tracks or ())
  for config in configs:
    held = _holdings(config, seen)
    options = splits.test_tracks(config.setting, held.genres)
    unused -= set(options)
    out.append(
      {
        track: _folds(config, held, track, folds)
        for track in options
        if tracks is None or track in tracks
      }
    )
  if unused:
    raise InputError(
      f"--test_tracks={','.join(tracks or ())}",
      f"no setting asked for is tested on {', '.join(sorted(unused))}",
      "see the README of the data for its tracks",
    )
  return out


def _holdings(
  config: Config, seen: dict[object, splits.Holdings]
) -> splits.Holdings:
  """What the data have; each source is looked at once."""
  data = config.data
  source = (
    data.dataset,
    data.ampl_dir,
    data.simulate,
    data.mocap_dir,
    data.music_dir,
    data.joint_map,
  )
  if source not in seen:
    seen[source] = prepare.open_source(*source).holdings()
  return seen[source]


def _folds(
  config: Config,
  held: splits.Holdings,
  track: str,
  wanted: Sequence[int] | None,
) -> Sequence[int]:
  def resolve(fold: int) -> splits.MusicSplit:
    return splits.resolve(
      config.setting,
      held,
      test_track=track,
      fold=fold,
      fold_by=config.fold_by,
    )

  order = resolve(0).fold_order
  if config.setting == "plain_clothes":
    return (0,)  # everybody recorded without poses is tested in one run
  for fold in wanted or ():
    resolve(fold)
  return wanted or range(len(order))


SWEEP = Sweep(
  tables={
    "main": [*_models("single"), *_models("cross_music")],
    "cross_genre": _models("cross_genre"),
    "ablation": [
      {"setting": setting, "model": "bgm2pose", "ablation": ablation}
      for setting in ("single", "cross_music")
      for ablation in ablations.ABLATIONS
    ],
    "noise": _models("single", noise_snr_db=_NOISE_SNR_DB),
  },
  axes={"setting": ("single",), "model": ("bgm2pose",)},
  varied={"ablation": "", "noise_snr_db": "noise"},
  labels=_labels,
  keys=("setting", "track"),
  place_flag="test_track",
  places=_places,
  owned={"test_subject": "write --folds=..."},
)
