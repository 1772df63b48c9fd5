"""The command line: `python -m bgm2pose_jax.main --setting=single`."""

from __future__ import annotations

import logging as standard_logging
import pathlib
import sys
from collections.abc import Sequence

from absl import flags, logging

from bgm2pose_jax.base import command, local_path
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.config import tree
from bgm2pose_jax.runtime import compilation, processes, stop_signal
from bgm2pose_jax.systems.bgm2pose import presets
from bgm2pose_jax.systems.bgm2pose.ampl import find
from bgm2pose_jax.systems.bgm2pose.presets import ablations

_SETTING = flags.DEFINE_enum(
  "setting",
  "single",
  list(config_lib.SETTINGS),
  "single: same track, unseen subject. cross_music: also an unseen track of a "
  "known genre. cross_genre: also an unseen genre. plain_clothes: recordings "
  "without poses, predictions and page only.",
)
_PRESET = flags.DEFINE_enum(
  "preset",
  "demo",
  list(presets.PRESETS),
  "demo: sized for 2 CPU cores, at most 20 minutes. demo_long: the same, at "
  "most 90 minutes. paper: full width as the text says. official: full width "
  "as the authors' code does.",
)
_MODEL = flags.DEFINE_string(
  "model",
  None,
  "network; it implies the task: bgm2pose (default), acousticpose, "
  "speech2gesture, wipose; or mean_pose, ridge, which train nothing",
)
_ABLATION = flags.DEFINE_enum(
  "ablation",
  "none",
  list(ablations.ABLATIONS),
  "what is taken out of bgm2pose; music_only (any network) hides the recording",
)
_TEST_TRACK = flags.DEFINE_string(
  "test_track", None, "track to test on (default: the setting's first)"
)
_TEST_SUBJECT = flags.DEFINE_string(
  "test_subject",
  None,
  "subject to test on; overrides --fold. For AMPL the files' own id (raw id), "
  "or paper:<n> for the paper's",
)
_FOLD = flags.DEFINE_integer(
  "fold",
  0,
  "which subject is left out, counted from 0 in natural order of the subjects "
  "who have the test track (raw ids for AMPL)",
)
_FOLD_BY = flags.DEFINE_enum(
  "fold_by",
  "subject",
  ["subject", "clip"],
  "leave out a subject, or a fifth of everybody's clips (annotation labels)",
)
_SEED = flags.DEFINE_integer(
  "seed", 0, "of initialisation, order, dropout and noise"
)
_SEEDS = flags.DEFINE_list(
  "seeds", None, "several runs, one per seed, e.g. 0,1,2; instead of --seed"
)
_FOLDS = flags.DEFINE_list(
  "folds", None, "several runs, one per fold, e.g. 0,1,2; instead of --fold"
)
_REPLICAS = flags.DEFINE_enum(
  "replicas",
  "auto",
  list(config_lib.REPLICAS),
  "how the runs of --seeds and --folds share the device: separate (one after "
  "another), or in one program: unrolled, vmap, or products (vmap with "
  "convolutions as batched matrix products). auto tries them and takes the "
  "fastest; on CPU it tries unrolled alone, and only for long runs",
)
_DATASET = flags.DEFINE_enum(
  "dataset",
  None,
  list(config_lib.DATASETS),
  "default: ampl/simulated, or what --ampl_dir holds",
)
_AMPL_DIR = flags.DEFINE_string(
  "ampl_dir", None, "folder of AMPL; alone it implies the dataset it holds"
)
_MOCAP_DIR = flags.DEFINE_string(
  "mocap_dir", None, "simulate from these motion files (BVH, OptiTrack CSV)"
)
_MUSIC_DIR = flags.DEFINE_string(
  "music_dir", None, "simulate from these music files"
)
_AMBISONIC_FORMAT = flags.DEFINE_enum(
  "ambisonic_format",
  None,
  list(config_lib.AMBISONIC_FORMATS),
  "gains of the recordings' channels W X Y Z, where --ampl_dir's files do not "
  "say (simulated ones do); stored with the weights, so that predictions from "
  "sound of another convention are refused",
)
_FEATURES = flags.DEFINE_string(
  "features",
  None,
  "logmel_intensity (default): the paper's nine maps. music_kernel: how the "
  "room's response differs from the still room's. both: all of it. The last "
  "two need sound, not AMPL's released features",
)
_STATIC_RESPONSE = flags.DEFINE_string(
  "static_response",
  None,
  "what music_kernel learns the still room from: whole (default; the whole "
  "recording, its poses never), causal (what was heard before), first:SECONDS, "
  "around:SECONDS (against clocks that drift), or a file of another recording "
  "(python -m bgm2pose_jax.data.response_file)",
)
_NOISE = flags.DEFINE_float(
  "noise_snr_db",
  None,
  "white noise on recording and music of every window, largest amplitudes "
  "this many dB apart (the paper's noise table: 10); needs sound, not "
  "AMPL's released features",
)
_DATA_DIR = flags.DEFINE_string(
  "data_dir",
  None,
  "cache of simulated and prepared data (default: bgm2pose_jax in the user's "
  "cache folder)",
)
_WORKDIR = flags.DEFINE_string(
  "workdir",
  None,
  "where the run writes (default: runs/<setting>-<model>-fold<f>-seed<s>-"
  "<8 hex of the configuration>); the same command resumes. With several runs "
  "the folder that theirs lie in, or the pattern of their own folders, in "
  "which {fold} and {seed} stand for each run's, e.g. runs/f{fold}-s{seed}",
)
_INIT_FROM = flags.DEFINE_string(
  "init_from",
  None,
  "start from the live weights of this work folder's newest checkpoint, or of "
  "the checkpoint given (FOLDER/checkpoints/STEP), e.g. pre-trained on "
  "simulated data",
)
_MODE = flags.DEFINE_enum(
  "mode",
  "train_and_evaluate",
  list(config_lib.MODES),
  "what to do",
)
_PARALLEL = flags.DEFINE_enum(
  "parallel",
  None,
  ["jit", "pmap"],
  "wrapper of the per-device train step (default: the preset's, jit)",
)
_DETERMINISTIC = flags.DEFINE_bool(
  "deterministic",
  True,
  "GPU operations that give the same bits each time, so that a resumed run "
  "equals one left alone; --nodeterministic may be faster. CPUs always do.",
)
_HOSTS = flags.DEFINE_enum(
  "hosts",
  None,
  ["auto"],
  "auto: one run over all hosts of a TPU pod slice, or all tasks of a Slurm or "
  "Open MPI job; every one is given the same command, and sees the same work "
  "folder",
)
_COORDINATOR = flags.DEFINE_string(
  "coordinator",
  None,
  "HOST:PORT of process 0, for one run over several processes elsewhere; with "
  "--processes and --process",
)
_PROCESSES = flags.DEFINE_integer(
  "processes", None, "how many processes the run has"
)
_PROCESS = flags.DEFINE_integer(
  "process", None, "which of them this is, counted from 0"
)
_SET = flags.DEFINE_multi_string(
  "set",
  [],
  "key.path=value, repeatable: replaces one field of the configuration, e.g. "
  "--set batch.size=32 --set network.width=0.25",
)


def config_from_flags() -> config_lib.Config:
  """Returns the preset with every given flag laid over it.

  Raises:
    InputError: for a value that cannot be right, or flags that exclude each
      other.
  """
  config = presets.get_config(_PRESET.value, _MODEL.value)
  config = ablations.apply(config, _ABLATION.value)
  changes: dict[str, object] = {
    "preset": _PRESET.value,
    "setting": _SETTING.value,
    "fold": _FOLD.value,
    "fold_by": _FOLD_BY.value,
    "seed": _SEED.value,
    "test_track": _TEST_TRACK.value,
    "test_subject": _TEST_SUBJECT.value,
    "data.dataset": _dataset(),
  }
  optional = {
    "run.parallel": _PARALLEL.value,
    "data.feature_set": _FEATURES.value,
    "data.static_response": _response(_STATIC_RESPONSE.value),
    "data.ambisonic_format": _AMBISONIC_FORMAT.value,
    "data.noise_snr_db": _NOISE.value,
    "data.ampl_dir": _absolute(_AMPL_DIR.value),
    "data.mocap_dir": _absolute(_MOCAP_DIR.value),
    "data.music_dir": _absolute(_MUSIC_DIR.value),
    "init_from": _absolute(_INIT_FROM.value),
  }
  changes |= {k: v for k, v in optional.items() if v is not None}
  config = config_lib.overlay(config, changes)
  return config_lib.overlay(config, tree.parse_assignments(_SET.value))


def flag_names() -> tuple[str, ...]:
  """Every flag of this command."""
  return tuple(
    flag.name for flag in flags.FLAGS.flags_by_module_dict()[__name__]
  )


def configs_from_flags() -> list[config_lib.Config]:
  """Returns a configuration for every fold and seed asked for.

  Raises:
    InputError: as `config_from_flags`; or a list that is none of numbers.
  """
  base = config_from_flags()
  if _FOLDS.value is not None and base.test_subject is not None:
    raise InputError(
      f"--folds={','.join(_FOLDS.value)}",
      "given together with --test_subject",
      "drop one: each fold names its own subject",
    )
  return [
    config_lib.overlay(base, {"fold": fold, "seed": seed})
    for fold in _numbers("folds", _FOLDS.value, base.fold)
    for seed in _numbers("seeds", _SEEDS.value, base.seed)
  ]


def _numbers(name: str, given: list[str] | None, one: int) -> list[int]:
  if given is None:
    return [one]
  if not given or not all(text.isdecimal() for text in given):
    raise InputError(
      f"--{name}={','.join(given)}",
      "is no list of numbers",
      f"write --{name}=0,1,2",
    )
  return [int(text) for text in given]


def _dataset() -> str:
  simulating = _MOCAP_DIR.value or _MUSIC_DIR.value
  if _AMPL_DIR.value is None:
    if _DATASET.value in ("ampl/released", "ampl/raw"):
      raise InputError(
        f"--dataset={_DATASET.value}",
        "needs the folder that holds AMPL",
        "add --ampl_dir=...",
      )
    return "ampl/simulated"
  if simulating:
    raise InputError(
      f"--ampl_dir={_AMPL_DIR.value}",
      "given together with --mocap_dir or --music_dir",
      "recordings are either read or simulated: drop one",
    )
  return find.find_dataset(_AMPL_DIR.value, _DATASET.value)


def _absolute(path: str | None) -> str | None:
  return None if path is None else str(pathlib.Path(path).resolve())


def _response(text: str | None) -> str | None:
  is_file = text is not None and text.endswith(".npz")
  return _absolute(text) if is_file else text


class _OwnLines(standard_logging.Filter):
  """Keeps a log worth reading: our lines, and everybody's warnings."""

  def filter(self, record: standard_logging.LogRecord) -> bool:
    ours = pathlib.Path(__file__).parent
    is_own = ours in pathlib.Path(record.pathname).parents
    # What its threads ran into is raised by the save, and said in one line.
    is_trace = "orbax" in record.pathname and record.exc_info is not None
    return is_own or (
      record.levelno >= standard_logging.WARNING and not is_trace
    )


def main(argv: Sequence[str]) -> None:
  """Runs what the flags say.

  Input errors end in one line and code 2, a signal to stop in one line and
  code 75: the same command then goes on. Of several processes all end so.
  """
  with command.ending():
    command.no_arguments(argv)
    workdir = local_path.check("workdir", _WORKDIR.value)
    data_dir = local_path.check("data_dir", _DATA_DIR.value)
    asked = configs_from_flags()
    mine = processes.place(
      _HOSTS.value, _COORDINATOR.value, _PROCESSES.value, _PROCESS.value
    )
    if mine is not None and mine.index:
      # One log is enough; a progress bar is one too.
      logging.set_verbosity(logging.WARNING)
    compilation.set_deterministic(_DETERMINISTIC.value)
    # The readers load only now: --help and a wrong flag are quicker.
    try:
      with stop_signal.listening(), processes.joined(mine):
        from bgm2pose_jax.training import run as train

        train.run_all(
          asked,
          data_dir=pathlib.Path(data_dir) if data_dir else None,
          workdir=pathlib.Path(workdir) if workdir else None,
          mode=_MODE.value,
          replicas=_REPLICAS.value,
        )
    except stop_signal.Stopped as stopped:
      print(stopped, file=sys.stderr)
      sys.exit(stop_signal.EXIT_CODE)


def run() -> None:
  """Entry point of the `bgm2pose` command."""
  logging.set_verbosity(logging.INFO)
  logging.get_absl_handler().addFilter(_OwnLines())
  command.start(main)


if __name__ == "__main__":
  run()
