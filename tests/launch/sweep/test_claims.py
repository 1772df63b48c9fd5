"""One job, one owner: whoever races, dies or sleeps."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import textwrap
import time

import pytest
import quick_sweep

from launch.sweep import claims

# Waits for the gun, takes the job, says whether it has it, and stays.
_RACER = textwrap.dedent("""
  import pathlib, sys, time
  from launch.sweep import claims
  folder = pathlib.Path(sys.argv[1])
  print("ready", flush=True)
  while not (folder / "gun").exists():
    pass
  print("got" if claims.take(folder, "job") else "missed", flush=True)
  sys.stdin.read()
""")


def _race(folder: pathlib.Path, count: int) -> list[str]:
  racers = [
    subprocess.Popen(
      [sys.executable, "-c", _RACER, str(folder)],
      cwd=quick_sweep.ROOT,
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
    )
    for _ in range(count)
  ]
  for racer in racers:
    assert racer.stdout.readline() == "ready\n"
  (folder / "gun").touch()
  said = [racer.stdout.readline().strip() for racer in racers]
  for racer in racers:
    racer.communicate("")
  return said


def _dead(folder: pathlib.Path) -> None:
  """A claim of a process that is no more."""
  code = (
    "import pathlib, sys; from launch.sweep import claims;"
    "claims.take(pathlib.Path(sys.argv[1]), 'job')"
  )
  subprocess.run(
    [sys.executable, "-c", code, str(folder)],
    cwd=quick_sweep.ROOT,
    check=True,
  )
  assert (folder / "job.json").exists()


def _age(folder: pathlib.Path, seconds: float) -> None:
  then = time.time() - seconds
  os.utime(folder / "job.json", (then, then))


def _elsewhere(folder: pathlib.Path) -> None:
  """Makes a claim that of another host."""
  record = json.loads((folder / "job.json").read_text())
  (folder / "job.json").write_text(json.dumps({**record, "host": "other"}))


@pytest.mark.parametrize("stale", [False, True])
def test_of_racing_processes_exactly_one_wins(tmp_path, stale):
  if stale:
    _dead(tmp_path)
  assert sorted(_race(tmp_path, 4)) == ["got", "missed", "missed", "missed"]


def test_a_live_claim_is_nobody_elses_until_it_is_released(tmp_path):
  mine = claims.take(tmp_path, "job")
  assert mine is not None
  assert claims.take(tmp_path, "job") is None
  assert claims.take(tmp_path, "other") is not None
  assert claims.owner(tmp_path, "job")["pid"] == os.getpid()
  mine.release()
  assert claims.owner(tmp_path, "job") is None
  assert claims.take(tmp_path, "job") is not None


def test_another_hosts_claim_lives_by_its_heartbeat(tmp_path):
  _dead(tmp_path)
  _elsewhere(tmp_path)
  assert claims.take(tmp_path, "job") is None
  _age(tmp_path, claims.STALE_S + 5)
  assert claims.owner(tmp_path, "job") is None
  assert claims.take(tmp_path, "job") is not None


def test_who_slept_too_long_learns_it_and_releases_nothing(tmp_path):
  slept = claims.take(tmp_path, "job")
  assert slept.heartbeat()
  _age(tmp_path, claims.STALE_S + 5)
  second = claims.take(tmp_path, "job")
  assert second is not None
  assert not slept.heartbeat()
  slept.release()
  assert claims.take(tmp_path, "job") is None
  assert second.heartbeat()
  second.release()
  assert list(tmp_path.iterdir()) == []


def test_a_taken_over_claim_can_be_taken_over_again(tmp_path):
  owners = []
  for _ in range(3):
    owners.append(claims.take(tmp_path, "job"))
    then = time.time() - claims.STALE_S - 5
    for path in tmp_path.iterdir():
      os.utime(path, (then, then))
  assert [one is not None for one in owners] == [True] * 3
  assert [one.heartbeat() for one in owners] == [False, False, True]


def test_a_torn_claim_is_live_only_while_fresh(tmp_path):
  (tmp_path / "job.json").write_text("")
  assert claims.take(tmp_path, "job") is None
  _age(tmp_path, claims.STALE_S + 5)
  assert claims.take(tmp_path, "job") is not None
