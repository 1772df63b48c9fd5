from __future__ import annotations

import numpy as np
import pytest
import released_fixture

from bgm2pose_jax.systems.bgm2pose.doctor import examine

STEM = "subject_0_arnor_2_0.6"
SOUND = f"{released_fixture.FILES}/{STEM}_music_intensity.npy"
JOINT = f"{released_fixture.FILES}/joint_pos_{STEM}.npy"


def _array(change, file=SOUND):
  def break_it(root):
    np.save(root / file, change(np.load(root / file)))

  return break_it


def _nan(array):
  array.flat[5] = np.nan
  return array


def _pickled(root):
  np.save(root / SOUND, np.array([{"a": 1}], object), allow_pickle=True)


def _row(**values):
  def break_it(root):
    rows = released_fixture.read_rows(root)
    rows[1] |= values
    released_fixture.write_rows(root, rows)

  return break_it


def _again(root):
  rows = released_fixture.read_rows(root)
  released_fixture.write_rows(root, [*rows, rows[0]])


def _copied(root):
  other = SOUND.replace("_2_0.6", "_1_0.6")
  (root / SOUND).write_bytes((root / other).read_bytes())


def _linked(root):
  kept = root.parent / "elsewhere.npy"
  (root / SOUND).rename(kept)
  (root / SOUND).symlink_to(kept)


FAULTS = {
  "pickled": (_pickled, "error", "window file", SOUND, "|O"),
  "shape": (
    _array(lambda x: x[:9]), "error", "window file", SOUND, "(9, 128, 12)"
  ),
  "float64": (
    _array(lambda x: x.astype(float)), "error", "window file", SOUND, "bytes"
  ),
  "NaN": (_array(_nan), "error", "window file", SOUND, "nan at channel W"),
  "NaN pose": (_array(_nan, JOINT), "error", "window file", JOINT, "nan at"),
  "cut": (
    lambda root: (root / SOUND).write_bytes((root / SOUND).read_bytes()[:-40]),
    "error", "window file", SOUND, "does not fit its header",
  ),
  "no features": (
    lambda root: (root / SOUND).unlink(),
    "error", "table", "line 4", "is missing",
  ),
  "no pose": (
    lambda root: (root / JOINT).unlink(), "error", "table", "line 4", "missing"
  ),
  "track": (_row(music_type="polka"), "error", "table", "line 3", "polka"),
  "outside": (
    _row(sound_path="../secret.npy"), "error", "table", "line 3", "leaves"
  ),
  "again": (_again, "error", "table", "line 10", "again"),
  "header": (
    lambda root: (root / released_fixture.TABLE).write_text("a,b\n"),
    "error", "table", "line 1", "0 columns named",
  ),
  "copy": (_copied, "error", "same window twice", SOUND, "_1_0.6"),
  "flat": (_array(lambda x: 0 * x), "error", "silence", SOUND, "no sound"),
  "one channel": (
    _array(lambda x: x[[0, 0, 0, 0, *range(4, 15)]]),
    "error", "channels", SOUND, "the same",
  ),
  "metres": (
    _array(lambda x: x / 10, JOINT), "error", "pose unit", JOINT, "0.1 long"
  ),
  "not at the hips": (
    _array(lambda x: x + np.float32(1), JOINT),
    "error", "pose unit", JOINT, "aside",
  ),
  "link": (_linked, "warning", "link", SOUND, "outside the folder"),
}  # fmt: skip


def test_a_good_folder_has_no_errors(good_released):
  found = examine(good_released, progress=False)
  assert [f for f in found.findings if f.severity != "note"] == []
  (part,) = found.parts
  assert [f.kept for f in part.facts.values()] == [4, 4]
  assert not part.settings[0].reason


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(released, fault):
  break_it, severity, kind, where, what = FAULTS[fault]
  break_it(released)
  found = examine(released, progress=False)
  hits = [
    f
    for f in found.findings
    if (f.severity, f.kind) == (severity, kind)
    and where in f.where
    and what in f.what
  ]
  assert hits, found.findings
  assert all(f.fix for f in found.findings)
  if found.parts[0].facts:
    # All other windows are read all the same.
    kept = sum(f.kept or 0 for f in found.parts[0].facts.values())
    assert kept >= 7


def test_many_broken_windows_are_counted(released, tmp_path):
  rows = released_fixture.read_rows(released)
  many = [
    rows[0]
    | {"sound_path": rows[0]["sound_path"].replace("_0_0.6", f"_{i}_0.6")}
    for i in range(1000, 4000)
  ]
  released_fixture.write_rows(released, [*rows, *many])
  found = examine(released, progress=False)
  assert found.counts["error", "table"] == 3000
  assert len(found.findings) < 250
  assert found.parts[0].facts["subject_6_arnor"].kept == 4
