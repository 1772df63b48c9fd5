"""Damaged checkpoints: every file in turn; an earlier step is taken."""

from __future__ import annotations

import errno
import gc
import itertools
import os
import pathlib
import shutil
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.state import (
  audit,
  checkpoint,
  seal,
  step_folders,
  train_state,
)
from bgm2pose_jax.state.step_folders import Best


def _state(step: int) -> train_state.TrainState:
  state = train_state.create(
    {"layer": {"kernel": jnp.arange(300.0) + step}},
    {"mean": jnp.ones(2)},
    (),
    {"std": jnp.ones(4)},
    snapshots=0,
  )
  return state.replace(step=jnp.int32(step))


def _first(state) -> float:
  return float(state.params["layer"]["kernel"][0])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """Steps 20, 30 and 40; the first is the best."""
  folder = tmp_path_factory.mktemp("whole") / "checkpoints"
  store = checkpoint.Checkpoints(folder, best=Best("error"))
  for step, error in ((20, 0.2), (30, 0.5), (40, 0.4)):
    store.save(_state(step), {"error": error})
  store.close()
  return folder


def _cut(path: pathlib.Path) -> None:
  os.truncate(path, path.stat().st_size // 2)


def _flip(path: pathlib.Path) -> None:
  data = bytearray(path.read_bytes())
  data[len(data) // 2] ^= 4
  path.write_bytes(data)


DAMAGES = {"cut": _cut, "deleted": pathlib.Path.unlink, "flipped": _flip}


@pytest.mark.parametrize("how", DAMAGES)
def test_every_file_of_the_newest_step(whole, tmp_path, how, caplog):
  names = sorted(
    str(p.relative_to(whole / "40"))
    for p in (whole / "40").rglob("*")
    if p.is_file() and (p.stat().st_size or how == "deleted")
  )
  assert len(names) > 8
  assert seal.SEAL in names
  for name in names:
    folder = tmp_path / "checkpoints"
    shutil.copytree(whole, folder)
    DAMAGES[how](folder / "40" / name)
    before = _content(folder)
    caplog.clear()
    # Read from elsewhere: said, nothing touched.
    assert checkpoint.find_step(str(folder), "checkpoint") == (folder, 30)
    assert _content(folder) == before
    with pytest.raises(InputError, match="it from a copy"):
      checkpoint.read_whole(folder, 40)
    # Read by its own run: set aside, to be saved again.
    store = checkpoint.Checkpoints(folder, best=Best("error"))
    assert len(caplog.records) == 2
    assert "step 40 is damaged" in caplog.text
    assert name in caplog.text
    assert store.latest() == 30
    assert _first(store.restore(30, _state(0))) == 30.0
    store.save(_state(40), {"error": 0.4})
    store.close()
    assert checkpoint.find_step(str(folder))[1] == 40
    assert (folder / "damaged-40").is_dir()
    shutil.rmtree(folder)


def _content(folder: pathlib.Path) -> dict[str, bytes]:
  return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _linked(step: pathlib.Path) -> None:
  (step / "commit_success.txt").rename(step.parent / "moved.txt")
  (step / "commit_success.txt").symlink_to(step.parent / "moved.txt")


def _linked_folder(step: pathlib.Path) -> None:
  (step / "state").rename(step.parent / "elsewhere")
  (step / "state").symlink_to(step.parent / "elsewhere")


def _linked_step(step: pathlib.Path) -> None:
  step.rename(step.parent / "elsewhere")
  step.symlink_to(step.parent / "elsewhere")


def _foreign(step: pathlib.Path) -> None:
  (step / "state" / "notes.txt").write_text("mine")


def _pipe(step: pathlib.Path) -> None:
  os.mkfifo(step / "state" / "pipe")


def _another_step(step: pathlib.Path) -> None:
  shutil.rmtree(step)
  shutil.copytree(step.parent / "20", step)


def _a_file(step: pathlib.Path) -> None:
  shutil.rmtree(step)
  step.write_text("40")


@pytest.mark.parametrize(
  ("harm", "words"),
  [
    (_linked, "commit_success.txt is a link"),
    (_linked_folder, "state is a link"),
    (_linked_step, "is a link"),
    (_foreign, "state/notes.txt is no file of it"),
    (_pipe, "state/pipe is a link or no regular file"),
    (_another_step, "that of step 20"),
    (_a_file, "cannot be read"),
  ],
)
def test_what_is_not_the_runs_own_is_refused(
  whole, tmp_path, harm, words, caplog
):
  folder = tmp_path / "checkpoints"
  shutil.copytree(whole, folder)
  harm(folder / "40")
  assert checkpoint.find_step(str(folder))[1] == 30
  assert words in caplog.text


def test_none_left_is_said_and_nothing_deleted(whole, tmp_path):
  folder = tmp_path / "checkpoints"
  shutil.copytree(whole, folder)
  for step in ("20", "30", "40"):
    _flip(folder / step / "_CHECKPOINT_METADATA")
  before = _content(folder)
  with pytest.raises(InputError, match="no checkpoint that is as it was saved"):
    checkpoint.Checkpoints(folder, best=Best("error"))
  with pytest.raises(InputError, match="no usable checkpoint"):
    checkpoint.find_step(str(folder), "checkpoint")
  assert _content(folder) == before


def test_the_best_gives_way_to_the_next_best(whole, tmp_path, caplog):
  folder = tmp_path / "checkpoints"
  shutil.copytree(whole, folder)
  store = checkpoint.Checkpoints(folder, best=Best("error"))
  assert store.best() == checkpoint.best_step(folder, Best("error")) == 20
  _flip(folder / "20" / "state" / "_METADATA")
  assert store.best() == checkpoint.best_step(folder, Best("error")) == 40
  assert "step 20 is damaged and the next best is taken" in caplog.text
  store.close()


def test_an_array_that_is_not_the_one_saved(whole, tmp_path, monkeypatch):
  # As if what reads the files were wrong: their sums are right.
  folder = tmp_path / "checkpoints"
  shutil.copytree(whole, folder)
  true = seal.check

  def forged(step):
    body = true(step)
    body["leaves"]["params/layer/kernel"]["sha256"] = "0" * 64
    return body

  monkeypatch.setattr(seal, "check", forged)
  with pytest.raises(InputError, match="params/layer/kernel is not the array"):
    checkpoint.read_whole(folder, 40)


def _save_at_once(store: checkpoint.Checkpoints) -> None:
  store.save(_state(50), {"error": 0.1})
  store.wait()


@pytest.mark.skipif(
  not hasattr(os, "fork"), reason="needs limits on the size of files"
)
# Tasks of orbax that nobody awaits are told of when they are collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
  ("limit", "refills"), [(60, 0), (1000, 0), (1000, 2), (1000, 1000)]
)
def test_a_full_disk_leaves_the_step_before(
  whole, tmp_path, monkeypatch, limit, refills
):
  import resource

  sweep, calls = step_folders.sweep, []

  def fills_again(folder):
    # As when a task of the save still writes to what is being deleted.
    calls.append(folder)
    if len(calls) <= refills:
      raise OSError(errno.ENOTEMPTY, "Directory not empty")
    sweep(folder)

  folder = tmp_path / "checkpoints"
  shutil.copytree(whole, folder)
  store = checkpoint.Checkpoints(folder, best=Best("error"))
  monkeypatch.setattr(step_folders, "sweep", fills_again)
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
  try:
    with pytest.raises(InputError) as caught:
      _save_at_once(store)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  said = str(caught.value)
  assert "step 50 cannot be saved (File too large)" in said
  assert "goes on after step 40" in said
  monkeypatch.undo()
  assert bool(list(folder.glob("saving-*"))) == (refills == 1000)
  assert store.latest() == 40
  assert _first(store.restore(40, _state(0))) == 40.0
  # With space again it is saved.
  store.save(_state(50), {"error": 0.1})
  assert store.latest() == 50
  store.close()
  del caught
  gc.collect()


def _audit(folder: object, arrays: object = None) -> tuple[int, str]:
  code = (
    "import sys\n"
    "for name in ('jax', 'jaxlib', 'orbax', 'flax', 'absl', 'numpy'):\n"
    "  if name != 'numpy' or sys.argv[1] == 'bare': sys.modules[name] = None\n"
    "from bgm2pose_jax.state import audit\n"
    "lines, status = audit.run(sys.argv[2], sys.argv[3] or None)\n"
    "print('\\n'.join(lines))\n"
    "sys.exit(status)\n"
  )
  kind = "numpy" if arrays else "bare"
  done = subprocess.run(
    [sys.executable, "-c", code, kind, str(folder), str(arrays or "")],
    capture_output=True,
    text=True,
    check=False,
  )
  return done.returncode, done.stdout


def test_audit_needs_neither_jax_nor_what_wrote(whole, tmp_path):
  folder = tmp_path / "run" / "checkpoints"
  shutil.copytree(whole, folder)
  code, said = _audit(tmp_path / "run")
  assert code == 0
  assert said.count("as saved") == len(seal.numbered(folder))

  arrays = checkpoint.read_whole(folder, 40)
  np.savez(tmp_path / "a.npz", **arrays)  # pyright: ignore[reportArgumentType]
  code, said = _audit(folder, tmp_path / "a.npz")
  assert code == 0
  assert said.count("as saved") == len(seal.numbered(folder)) + len(arrays)
  arrays["params/layer/kernel"] = arrays["params/layer/kernel"] + 1
  np.savez(tmp_path / "a.npz", **arrays)  # pyright: ignore[reportArgumentType]
  assert audit.run(str(folder), str(tmp_path / "a.npz"))[1] == 1

  _flip(folder / "30" / "state" / "_METADATA")
  code, said = _audit(folder)
  assert code == 1
  assert "state/_METADATA is not as it was saved" in said


def test_audit_refuses_what_it_cannot_use(whole, tmp_path):
  (tmp_path / "no.npz").write_bytes(b"PK\x03\x04")
  np.savez(tmp_path / "other.npz", x=np.ones(2))
  for folder, arrays, words in (
    (tmp_path, None, "holds no checkpoint"),
    (tmp_path / "x", None, "no such folder"),
    (whole, "no", "cannot be read"),
    (whole, str(tmp_path / "no.npz"), "cannot be read"),
    (whole, str(tmp_path / "other.npz"), "holds none of the"),
  ):
    with pytest.raises(InputError, match=words):
      audit.run(str(folder), arrays)


def test_seals_are_read_strictly(whole, tmp_path):
  text = (whole / "40" / seal.SEAL).read_bytes()
  rng = np.random.default_rng(0)
  (tmp_path / "40").mkdir()
  path = tmp_path / "40" / seal.SEAL
  path.write_bytes(text)
  assert seal.read(tmp_path / "40")["step"] == 40
  places = rng.integers(len(text), size=200)
  for place, bit in zip(places, itertools.cycle(range(8))):
    data = bytearray(text)
    data[place] ^= 1 << bit
    path.write_bytes(data)
    with pytest.raises(InputError, match="not as it was written"):
      seal.read(tmp_path / "40")
