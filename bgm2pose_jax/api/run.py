"""A finished run: its figures, and poses by its network."""

from __future__ import annotations

import difflib
import os
import pathlib
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder, schema
from bgm2pose_jax.contract.from_files import FromFiles
from bgm2pose_jax.inference import trained_model
from bgm2pose_jax.inference.trained_model import TrainedModel
from bgm2pose_jax.report.poses import Poses
from bgm2pose_jax.runtime import compilation, platforms
from bgm2pose_jax.systems import registry


class Run:
  """A trained network of any system, with the folder that it lies in.

  Attributes:
    folder: the run's folder.
  """

  def __init__(self, model: TrainedModel):
    """Takes a network that `load` read."""
    self._model = model
    self.folder = model.folder

  def __repr__(self) -> str:
    kind = "simulated" if self.simulated else "recorded"
    return f"<run {self.folder.name}: {self.model}, trained on {kind} data>"

  @property
  def model(self) -> str:
    """Name of the network, as `--model` takes it."""
    return self._model.config.model

  @property
  def system(self) -> str:
    """Name of the network's system."""
    return self._model.system.name

  @property
  def simulated(self) -> bool:
    """Whether the network was trained on simulated data."""
    return self._model.simulated

  @property
  def config(self) -> dict[str, Any]:
    """The configuration, {dotted key: value}."""
    return schema.flatten(self._model.config)

  @property
  def results(self) -> dict[str, Any] | None:
    """Content of results.json; None where the run was not evaluated.

    Raises:
      InputError: the file is damaged.
    """
    path = self.folder / run_folder.RESULTS
    return run_folder.read_json(path) if path.exists() else None

  @property
  def inputs(self) -> tuple[str, ...]:
    """What `predict` takes, in order.

    Raises:
      InputError: the system does not predict from files.
    """
    return tuple(self._from_files().inputs)

  @property
  def options(self) -> dict[str, str]:
    """What else `predict` takes, {name: help}.

    Raises:
      InputError: the system does not predict from files.
    """
    how = self._from_files()
    values = _flags(how)
    return {name: values[name].help or "" for name in _option_names(how)}

  def predict(self, *inputs: Any, **options: Any) -> Poses:
    """Finds poses, as the system's command does; writes no files.

    A network of music takes a recording and the music, one of a violin poses
    and the sound of the violin, one of echoes keypoints, kernels and a rig:
    `inputs` names them.

    Args:
      *inputs: a path each; or (array, rate in Hz), where sound is
        [channel, samples] of full scale 1; or what `docs/tutorial.ipynb` shows
        for the other kinds.
      **options: inputs by name, and flags of the command: `options` has them.

    Returns:
      The poses, and what was noticed about the input.

    Raises:
      InputError: an unknown option, or input that cannot be used.

    >>> import bgm2pose_jax as b2p
    >>> run = b2p.load("runs/RUN")
    >>> run.inputs
    ('recording', 'music')
    >>> heard = b2p.simulate("haze", seconds=1)
    >>> run.predict(heard.recording, heard.music, offset_ms=0)
    <20 poses of 21 joints, 1.0 s, 1 warnings>
    """
    how = self._from_files()
    given = _by_name(how, inputs, options)
    values = _flags(how)
    with tempfile.TemporaryDirectory(prefix="bgm2pose-jax-") as folder:
      place = pathlib.Path(folder)
      try:
        for name, value in given.items():
          write = how.inputs.get(name)
          if write is not None:
            value = _as_file(value, place / name, write)
          _set(values, name, value)
        values.mark_as_parsed()
        return how.predict(values, self._model)
      except InputError as error:
        raise _without_folder(error, place) from error

  def _from_files(self) -> FromFiles:
    system = self._model.system
    if system.from_files is None:
      raise InputError(
        self.folder,
        f"is a run of {system.name}, which does not predict from files",
        "take a run of another system",
      )
    return system.from_files()


def load(source: str | os.PathLike[str]) -> Run:
  """Reads a finished run.

  Compiled programs are kept in the user's cache, as by the commands.

  Args:
    source: the run's folder, or one step in its checkpoints.

  Returns:
    The run, its network in memory.

  Raises:
    InputError: no run or no usable checkpoint there, or a model that is no
      network.
  """
  platforms.check()
  folder = _folder_of(source)
  compilation.keep_programs(compilation.own_folder())
  return Run(trained_model.load(str(folder), registry.of_model))


def _folder_of(source: str | os.PathLike[str]) -> pathlib.Path:
  """The folder that a source stands for.

  Raises:
    InputError: there is none.
  """
  folder = pathlib.Path(source)
  if not folder.is_dir():
    raise InputError(
      f"load({str(source)!r})",
      "is no folder",
      "give the work folder of a run, as training printed it",
    )
  return folder


def _flags(how: FromFiles) -> flags.FlagValues:
  values = flags.FlagValues()
  how.define_flags(values)
  return values


def _option_names(how: FromFiles) -> list[str]:
  names = _flags(how)
  hidden = {*how.inputs, *how.not_options}
  return [name for name in names if name not in hidden]


def _by_name(
  how: FromFiles, inputs: tuple[Any, ...], options: Mapping[str, Any]
) -> dict[str, Any]:
  """Inputs and options by their names, checked; those that are None go."""
  wanted = list(how.inputs)
  known = [*wanted, *_option_names(how)]
  for name in options:
    if name not in known:
      near = difflib.get_close_matches(name, known, 1)
      hint = f"did you mean {near[0]}?" if near else f"use {', '.join(known)}"
      raise InputError(f"predict({name}=...)", "is no option", hint)
  if len(inputs) > len(wanted):
    raise InputError(
      "predict", f"got {len(inputs)} inputs", f"give {', '.join(wanted)}"
    )
  given = dict(zip(wanted, inputs))
  for name in given.keys() & options.keys():
    raise InputError(f"predict({name}=...)", "is given twice", "give it once")
  given |= options
  for name in wanted:
    if given.get(name) is None:
      raise InputError(
        "predict", f"lacks {name}", f"give {', '.join(wanted)}, in this order"
      )
  return {name: value for name, value in given.items() if value is not None}


def _as_file(
  value: Any,
  path: pathlib.Path,
  write: Callable[[Any, pathlib.Path], pathlib.Path],
) -> str:
  if isinstance(value, (str, os.PathLike)):
    return os.fspath(value)
  return str(write(value, path))


def _set(values: flags.FlagValues, name: str, value: Any) -> None:
  """Sets a flag as the command line would, with the same checks."""
  if isinstance(value, np.generic):
    value = value.item()
  if isinstance(value, os.PathLike):
    value = os.fspath(value)
  try:
    values[name].parse(value)
  except (flags.Error, TypeError, ValueError) as error:
    raise InputError(
      f"predict({name}={value!r})", str(error), f"see run.options[{name!r}]"
    ) from error


def _without_folder(error: InputError, place: pathlib.Path) -> InputError:
  """The same error; files that stand for arrays go by the input's name."""
  ours = f"{place}{os.sep}"
  return InputError(
    error.where.replace(ours, ""),
    error.found.replace(ours, ""),
    error.fix.replace(ours, ""),
  )
