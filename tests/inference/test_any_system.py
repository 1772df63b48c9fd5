"""A system of a few lines is loaded, exported and brought back."""

from __future__ import annotations

import json
import types
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.contract.export import BATCH, Array, Export, Program
from bgm2pose_jax.contract.trained import Trained
from bgm2pose_jax.inference import export, made_folder, trained_model
from bgm2pose_jax.inference.export import run_exported
from bgm2pose_jax.state import train_state
from bgm2pose_jax.state.step_folders import Best


class Task:
  """Three numbers of a sound to two of a pose."""

  fields = ("sound", "pose")
  target = "pose"
  context = 0
  best = Best("validation_error")

  def __init__(self, size: int):
    self.size = size

  def state_shapes(self, statistics):
    params = {"kernel": jnp.zeros((self.size, 2))}
    make = train_state.create
    return jax.eval_shape(
      lambda s: make(params, {}, (), s, snapshots=0), statistics
    )

  def predict(self, state, batch):
    centred = batch["sound"] - state.statistics["sound"]["mean"]
    return centred @ state.params["kernel"]


def _programs(model) -> list[Program]:
  sound = {"sound": Array((BATCH, 3), "float32", "of a window")}
  level = {"level": Array((BATCH,), "float32", "gain", default=2.0)}
  pose = {"pose": Array((BATCH, 2), "float32", "x y")}

  def predict(given):
    predicted = model.task.predict(model.state, given)
    return {"pose": given["level"][:, None] * predicted}

  return [Program("predict", "sound to pose", sound | level, pose, predict)]


SYSTEM: Any = types.SimpleNamespace(
  name="toy",
  models={"toy": "linear"},
  closed_form=(),
  config=Config,
  make_task=lambda config, facts: Task(facts["size"]),
  report=types.SimpleNamespace(text=lambda results: f"{results['error']:.2f}"),
  trained=Trained(),
  export=Export(programs=_programs),
)


def _find(model: str) -> Any:
  if model != "toy":
    raise InputError(f"--model={model}", "unknown model", "choose toy")
  return SYSTEM


@pytest.fixture
def run(tmp_path):
  """A folder of five trained steps."""
  state = train_state.create(
    {"kernel": jnp.arange(6.0).reshape(3, 2)},
    {},
    (),
    {"sound": {"mean": jnp.ones(3)}},
    snapshots=0,
  )
  made_folder.make(
    tmp_path / "run",
    Config(model="toy"),
    state.replace(step=jnp.int32(5)),
    dataset={"name": "noise", "simulated": True},
    origin={"file": "none"},
    best=Task.best,
    facts={"size": 3},
  )
  return tmp_path / "run"


def test_it_predicts_by_what_training_fitted(run):
  model = trained_model.load(str(run), _find)
  assert (model.step, model.facts, model.simulated) == (5, {"size": 3}, True)
  sound = np.float32([[1, 2, 3], [1, 1, 1]])
  got = model.run({"sound": sound})
  np.testing.assert_array_equal(got, [[10, 13], [0, 0]])
  none = {"sound": {"mean": np.zeros(3, np.float32)}}
  np.testing.assert_array_equal(model.run({"sound": sound}, none)[1], [6, 9])
  with pytest.raises(InputError, match="values that are not finite"):
    model.run({"sound": sound * np.nan})


@pytest.mark.slow
def test_it_is_taken_away_and_brought_back(run, tmp_path, capsys):
  run_folder.write_json(run / run_folder.RESULTS, {"error": 0.125})
  model = trained_model.load(str(run), _find)
  worst = export.write(model, tmp_path / "out")
  assert worst.keys() == {"predict"}
  card = (tmp_path / "out" / "MODEL_CARD.md").read_text()
  assert card.startswith("# toy\n\n> **TRAINED ON SIMULATED RECORDINGS.**")
  assert "0.12" in card
  found = export.read(tmp_path / "out")
  assert found.facts["size"] == 3
  sound = np.float32([[1, 2, 3]])
  (pose,) = run_exported.predict({"sound": sound}, found.folder)["pose"]
  np.testing.assert_array_equal(pose, [20, 26])
  export.restore(found, tmp_path / "back", _find)
  again = trained_model.load(str(tmp_path / "back"), _find)
  assert (again.config, again.facts) == (model.config, model.facts)
  np.testing.assert_array_equal(
    again.run({"sound": sound}), model.run({"sound": sound})
  )


@pytest.mark.parametrize(
  ("name", "change", "said"),
  [
    ("config.json", lambda x: x["config"].update(model="x"), "--model=x: unk"),
    ("config.json", lambda x: x["config"].update(model=3), "unknown model"),
    ("model.json", lambda x: x.update(size=4), r"kernel is \[3, 2\], .*\[4, 2"),
  ],
)
def test_what_does_not_fit_is_named(run, name, change, said):
  content = json.loads((run / name).read_text())
  change(content)
  (run / name).write_text(json.dumps(content))
  with pytest.raises(InputError, match=said):
    trained_model.load(str(run), _find)


def test_a_run_without_facts_is_refused(run):
  (run / "model.json").unlink()
  with pytest.raises(InputError, match=r"model\.json: no such file"):
    trained_model.load(str(run), _find)
