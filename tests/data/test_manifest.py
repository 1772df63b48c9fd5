"""Whatever changes in a prepared folder is found when it is opened."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import load as source
from bgm2pose_jax.data import manifest
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows


@pytest.fixture
def track(tmp_path, corpus):
  """A prepared track of its own, and a function that opens it."""
  folder = tmp_path / "arnor"
  shutil.copytree(corpus.prepared.dirs["arnor"], folder)
  prepared = dataclasses.replace(corpus.prepared, dirs={"arnor": folder})
  return folder, lambda: source.load(prepared, None, MusicWindows)


def files(folder):
  return sorted(path for path in folder.rglob("*") if path.is_file())


def test_all_files_are_listed(track):
  folder, load = track
  load()
  found = manifest.read(folder)
  listed = [item.path for item in (*found.shards, *found.files)]
  there = [path.relative_to(folder).as_posix() for path in files(folder)]
  assert sorted([*listed, manifest.FILE_NAME]) == there
  assert any(name.endswith("dataset_info.json") for name in listed)
  assert any(name.endswith("features.json") for name in listed)


def test_every_file_cut_changed_or_gone_is_found(track):
  folder, load = track
  draw = random.Random(0)
  tried = 0
  for path in files(folder):
    whole = path.read_bytes()
    cuts = [0, 1, len(whole) // 2, len(whole) - 1]
    changes = [None, whole + b"\n", *(whole[:n] for n in cuts)]
    for _ in range(40):
      changed = bytearray(whole)
      changed[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
      changes.append(bytes(changed))
    for changed in changes:
      if changed is None:
        path.unlink()
      else:
        path.write_bytes(changed)
      with pytest.raises(InputError) as error:
        load()
      assert str(path) in str(error.value)
      assert f"delete {folder} and prepare the data again" in str(error.value)
      tried += 1
    path.write_bytes(whole)
  assert tried == 46 * 5
  load()


def test_every_byte_of_the_manifest_counts(track):
  folder, _ = track
  path = folder / manifest.FILE_NAME
  whole = path.read_bytes()
  # Blanks too: JSON reads as before with another one.
  blank = {ord("\n"): ord(" "), ord(" "): ord("\t")}
  for at, value in enumerate(whole):
    new = blank.get(value, value ^ (1 << at % 6))
    path.write_bytes(whole[:at] + bytes([new]) + whole[at + 1 :])
    with pytest.raises(InputError, match=r"manifest\.json"):
      manifest.read(folder)


def test_foreign_files_and_links_are_refused(track, tmp_path):
  folder, load = track
  deep = folder / "ampl" / "raw" / "1.0.0"
  for place in (folder, deep):
    foreign = place / "notes.txt"
    foreign.write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt: is no file of this"):
      load()
    foreign.unlink()
  os.mkfifo(folder / "pipe")
  with pytest.raises(InputError, match="is no regular file"):
    load()
  (folder / "pipe").unlink()
  # Each file in turn, with the right bytes behind the link; then a folder.
  for path in (*files(folder), deep):
    moved = tmp_path / "elsewhere"
    path.rename(moved)
    path.symlink_to(moved)
    with pytest.raises(InputError, match="is a symbolic link"):
      load()
    path.unlink()
    moved.rename(path)
  load()


def test_a_manifest_may_not_lead_out_of_its_folder(track, tmp_path):
  folder, load = track
  (shard,) = folder.rglob("*.array_record*")
  outside = tmp_path / "outside.array_record"
  shutil.move(shard, outside)
  path = folder / manifest.FILE_NAME
  payload = json.loads(path.read_text())
  payload["shards"][0]["path"] = "../outside.array_record"
  del payload["sha256"]
  path.write_bytes(manifest._encode(payload))
  with pytest.raises(InputError, match="shard is missing"):
    load()


def test_another_track_in_its_place_is_refused(corpus, tmp_path):
  folder = tmp_path / "arnor"
  shutil.copytree(corpus.prepared.dirs["jazz"], folder)
  prepared = dataclasses.replace(corpus.prepared, dirs={"arnor": folder})
  with pytest.raises(InputError, match="arnor: holds track jazz"):
    source.load(prepared, None, MusicWindows)
