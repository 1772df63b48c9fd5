"""Critics inside the update: who learns from what, and by how much."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import window_table
from flax import nnx

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.data import device_cache
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose import presets
from bgm2pose_jax.systems.bgm2pose.adversary import SubjectAdversary
from bgm2pose_jax.systems.bgm2pose.models.acousticpose import AcousticPoseConfig
from bgm2pose_jax.systems.bgm2pose.models.output import PoseOutput
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic
from bgm2pose_jax.training import steps

pytestmark = pytest.mark.usefixtures("quick_compiling")

BATCH, PEOPLE = 6, ("7", "0", "2")


def _table():
  rng = np.random.default_rng(0)
  table = window_table.one_recording(
    rng.normal(-30, 3, (BATCH, 12, 128, 9)).astype(np.float32),
    rng.normal(0, 1, (BATCH, 12, 21, 3)).astype(np.float32),
  )
  return dataclasses.replace(
    table,
    subject=np.arange(BATCH, dtype=np.int32) % 3,
    subjects=PEOPLE,
  )


def _run(model, epoch=0, **network):
  """One update: the state before and after, and its figures."""
  config = config_lib.overlay(
    presets.get_config("demo", model),
    {"network.width": 0.03125, "batch.size": BATCH, "optim.weight_decay": 0.0}
    | {f"network.{name}": value for name, value in network.items()},
  )
  table = _table()
  task = PoseFromMusic(config, table.spec, 1)
  rows = np.arange(BATCH)
  before = jax.device_get(task.init_state(0, task.fit(table, rows)))
  mesh = mesh_lib.make_mesh()
  whole = jax.NamedSharding(mesh, jax.P())
  step = steps.make_train_step(task, mesh, cached=True)
  after, figures = step(
    mesh_lib.replicate(mesh, before),
    device_cache.put(table, task.fields, whole),
    jax.device_put(rows[None].astype(np.int32), whole),
    mesh_lib.replicate(mesh, steps.make_control(0, 1e-3, epoch)),
  )
  return before, jax.device_get(after), figures


def _same(a, b):
  return all(
    np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b))
  )


@pytest.fixture(scope="module")
def alone():
  return _run("acousticpose", adversary="off")


def test_without_an_adversary_there_is_no_critic(alone):
  before, after, figures = alone
  assert before.critic == after.critic == ()
  assert "critic_loss" not in figures


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["std", "normal"])
def test_a_term_without_weight_leaves_the_network_alone(alone, kind):
  before, after, figures = _run(
    "acousticpose", adversary=kind, adversary_epochs=3, epoch=3
  )
  assert _same(before.params, alone[0].params)
  for x, y in zip(
    jax.tree.leaves(after.params), jax.tree.leaves(alone[1].params)
  ):
    np.testing.assert_allclose(x, y, atol=2e-6)
  assert not _same(before.critic["params"], after.critic["params"])
  assert figures["critic_loss"] == pytest.approx(np.log(3), abs=0.5)


@pytest.mark.slow
@pytest.mark.parametrize(
  ("model", "kind"),
  [
    ("acousticpose", "std"),
    pytest.param("speech2gesture", "motion", marks=pytest.mark.long),
  ],
)
def test_the_network_moves_otherwise_against_a_critic(model, kind):
  _, plain, _ = _run(model, adversary="off")
  before, after, figures = _run(model, adversary=kind)
  assert np.isfinite(figures["loss_adversary"])
  assert not _same(plain.params, after.params)
  assert not _same(before.critic["params"], after.critic["params"])


def _adversary(**fields):
  return SubjectAdversary(AcousticPoseConfig(**fields), 4)


def _case(adversary, subjects=(0, 2, 2)):
  """A critic over the classes of two of three people, and its logits."""
  table = _table()
  known = adversary.fit(table, np.flatnonzero(table.subject != 1))
  critic = adversary.build(known, nnx.Rngs(0))
  hidden = jax.random.normal(jax.random.key(1), (len(subjects), 4))
  out = PoseOutput(jnp.zeros((3, 12, 21, 3)), hidden=hidden)
  logits = np.asarray(critic(hidden), np.float64)[:, known["class_used"]]
  return known, critic, out, {"subject": np.array(subjects)}, logits


def test_classes_are_those_of_the_training_subjects():
  known, *_ = _case(_adversary())
  np.testing.assert_array_equal(known["class_used"], [True, True, False])
  assert known["subject_class"][0] == 0
  assert known["subject_class"][2] == 1


def test_raw_ids_share_classes_as_in_the_published_code():
  table = _table()
  known = _adversary(subject_labels="mod5").fit(table, np.arange(BATCH))
  # Subjects 7 and 2 are one class there.
  np.testing.assert_array_equal(known["subject_class"], [2, 0, 2])
  assert known["class_used"].sum() == 2
  names = dataclasses.replace(table, subjects=("a", "b", "c"))
  with pytest.raises(InputError, match="subject_labels"):
    _adversary(subject_labels="mod5").fit(names, np.arange(BATCH))


def test_evenness_is_the_unbiased_deviation_of_the_guesses():
  adversary = _adversary(adversary_ratio=2.0)
  known, critic, out, batch, logits = _case(adversary)
  share = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
  want = 2.0 * share.std(-1, ddof=1).mean()
  control = {"epoch": 0}
  found = adversary.network_loss(critic, out, batch, known, control)
  assert float(found) == pytest.approx(want, rel=1e-5)


def test_the_other_mode_is_minus_the_cross_entropy():
  adversary = _adversary(adversary="normal", adversary_ratio=2.0)
  known, critic, out, batch, logits = _case(adversary)
  chosen = logits[np.arange(3), known["subject_class"][batch["subject"]]]
  entropy = (np.log(np.exp(logits).sum(-1)) - chosen).mean()
  control = {"epoch": 0}
  found = adversary.network_loss(critic, out, batch, known, control)
  assert float(found) == pytest.approx(-2 * entropy, rel=1e-5)
  critics = adversary.critic_loss(critic, out, None, batch, known)
  assert float(critics) == pytest.approx(entropy, rel=1e-5)
