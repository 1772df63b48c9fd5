from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import subprocess
import sys

import pytest
import trained_fixture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bgm2pose_jax.base.errors import InputError
from tests.hostile import attempt, commands, lists, readers, text


def test_a_share_of_all_cases():
  # Bombs take seconds each; a few of the kinds are in the readers' own tests.
  cases = [
    case
    for case in readers.all_cases(60, 1)
    if case.fault not in ("bomb", "good")
  ]
  chosen = cases[:: len(cases) // 150]
  outcomes = list(attempt.attempts(iter(chosen)))
  wrong = [o for o in outcomes if o.verdict == attempt.WRONG]
  assert wrong == []
  assert len(outcomes) > 150
  rows = {row["fault class"]: row for row in attempt.table(outcomes)}
  assert rows["all"]["tried"] == len(outcomes)
  assert rows["path"]["refused in one line"] > 10


def test_good_files_are_read():
  cases = readers.all_cases(1, 0)
  good = [case for case in cases if case.fault == "good"]
  outcomes = list(attempt.attempts(iter(good)))
  assert {o.verdict for o in outcomes} <= {"legal", "refused"}
  assert sum(o.verdict == "legal" for o in outcomes) >= len(good)


def test_what_is_wrong_is_told():
  case = next(case for case in text.cases("bvh", 1, 0) if case.fault == "path")

  def judge(reader):
    return attempt.attempt(case, "x", reader).verdict

  def fail(error):
    raise error

  assert judge(lambda path: fail(InputError(path, "x", "y"))) == "refused"
  assert judge(lambda path: fail(InputError(path, "x", ""))) == "wrong"
  assert judge(lambda path: fail(KeyError("x"))) == "wrong"
  assert judge(lambda path: None) == "wrong"
  assert judge(lambda path: pathlib.Path("left").mkdir()) == "wrong"


TEXT_KINDS = (*text.TEXTS, *text.json_texts())
LINES = st.lists(
  st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
      [b"HIERARCHY", b"ROOT a", b"{", b"}", b"OFFSET 0 1 2", b"MOTION",
       b"CHANNELS 1 Xrotation", b"Frames: 2", b"Frame Time: .01", b"1", b"1,5",
       b"a_x,a_y,a_z", b"1,2,3", b"file,genre", b"0 1 walk", b'{"a": 1}',
       b'{"config": {}}', b'{"runs": [{}]}', b'"', b"nan", b"1e999"]
    ),
  ),
  max_size=12,
)  # fmt: skip


@settings(
  max_examples=60,
  deadline=None,
  derandomize=True,
  suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(LINES, st.sampled_from([b"\n", b"\r\n", b" ", b","]))
def test_any_lines_are_read_or_refused(tmp_path, lines, end):
  for kind in TEXT_KINDS:
    path = tmp_path / text.FILES[kind]
    path.write_bytes(end.join(lines))
    for reader in readers.READERS[kind].values():
      with contextlib.suppress(InputError):
        reader(path)
    path.unlink()


@pytest.mark.slow
def test_a_command_is_judged(tmp_path):
  lists.make_folder(tmp_path, None)
  commands.know(tmp_path)
  listed = lists.commands(False)
  assert len(listed) >= 50
  chosen = [c for c in listed if "nan.wav" in c.name and c.module == "align"]
  ended = commands.start(chosen[0], tmp_path)
  # The system counts the memory of this process, which started it, as well.
  ended = dataclasses.replace(ended, mib=0)
  assert commands.judged(chosen[0], ended, tmp_path) == ""
  (tmp_path / "left").write_text("x")
  assert "left" in commands.judged(chosen[0], ended, tmp_path)


@pytest.mark.long
def test_a_thousand_inputs(tmp_path):
  run = trained_fixture.make_run(tmp_path / "run")
  found = tmp_path / "found.json"
  done = subprocess.run(
    [
      sys.executable,
      "-m",
      "tests.hostile.check",
      "--cases=1000",
      f"--run={run}",
      f"--json={found}",
    ],
    capture_output=True,
    text=True,
    check=False,
    cwd=pathlib.Path(__file__).parents[2],
  )
  assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
  told = json.loads(found.read_text())
  assert told["wrong"] == []
  assert told["rows"][-1]["tried"] >= 1000
