"""Several processes of one run: joined, watched, ended together."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import linear_case
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.runtime import (
  coordinator_relay,
  process_greeting,
  processes,
)
from bgm2pose_jax.state import seal

# Needs no JAX: the watch is sockets and threads alone.
WATCHED = """
import os, signal, sys, time
from bgm2pose_jax.runtime import process_greeting, process_watch
port, index, how, victim = int(sys.argv[1]), *map(str, sys.argv[2:5])
index, victim = int(index), int(victim)
if how == "SIGSTOP":
  process_watch.PERIOD_S, process_watch.LIMIT_S = 0.3, 2.0
if index:
  links, told = process_greeting.dial("localhost", port, index, 3, 30)
  assert told == 9
else:
  import socket
  server = socket.socket(fileno=int(sys.argv[5]))
  links = process_greeting.accept(server, 3, 9, 30)
watch = process_watch.Watch(index, 3, links)
watch.goes_on = "goes on after step 7"
assert watch.meet("first", {"own": index}) == {"own": 0}
print("met", flush=True)
if index == victim:
  if how == "fails":
    watch.end(2, "error: a folder: is full; free some space")
  if how != "leaves":
    os.kill(os.getpid(), getattr(signal, how))
elif how == "SIGKILL":
  watch.meet("second")  # nobody comes
elif how != "leaves":
  time.sleep(30)  # as in a collective
watch.leave()
"""


def _three(how: str, victim: int) -> list[tuple[int, str]]:
  """Exit code and words of three watched processes."""
  with socket.create_server(("localhost", 0)) as server:
    port, number = server.getsockname()[1], server.fileno()
    running = [
      subprocess.Popen(
        [sys.executable, "-c", WATCHED]
        + [str(x) for x in (port, i, how, victim, number)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=() if i else (number,),
      )
      for i in range(3)
    ]
  try:
    others = [p for i, p in enumerate(running) if i != victim]
    for process in others:
      process.wait(60)
  finally:
    if how == "SIGSTOP":
      running[victim].send_signal(signal.SIGCONT)
    for process in others:
      process.kill()
  said = [process.communicate(timeout=60)[1] for process in running]
  return [(p.returncode, words) for p, words in zip(running, said)]


@pytest.mark.parametrize("victim", [0, 2])
@pytest.mark.parametrize(
  "how", ["SIGKILL", pytest.param("SIGSTOP", marks=pytest.mark.long)]
)
def test_who_is_gone_is_named_by_all_others(how, victim):
  ends = _three(how, victim)
  for i, (code, words) in enumerate(ends):
    if i != victim:
      assert words.strip() == (
        f"process {victim} of 3 is gone; the same command on all hosts goes "
        "on after step 7"
      )
      assert code == 75
  if how == "SIGKILL":
    assert ends[victim] == (-signal.SIGKILL, "")


@pytest.mark.parametrize("victim", [0, 1])
def test_an_error_of_one_ends_all_with_its_line(victim):
  line = "error: a folder: is full; free some space\n"
  for code, words in _three("fails", victim):
    assert (code, words.strip()) == (2, line.strip())


def test_who_leaves_is_not_missed():
  assert _three("leaves", 0) == [(0, "")] * 3


def test_strangers_and_doubles_are_turned_away():
  server = process_greeting.listen(0)
  port = server.getsockname()[1]
  found = {}

  def accept():
    found.update(process_greeting.accept(server, 3, 7, 20))

  def dial(index, count=3):
    links, told = process_greeting.dial("localhost", port, index, count, 20)
    assert told == 7
    links[0].close()

  thread = threading.Thread(target=accept)
  thread.start()
  for said in (b"GET / HTTP/1.1\n", b"x" * 300, b"a b c\n"):
    with socket.create_connection(("localhost", port)) as stranger:
      stranger.sendall(said)
      with contextlib.suppress(ConnectionResetError):
        assert stranger.recv(1) == b""
  for index, count, words in (
    (1, 2, "--processes=3, not 2"),
    (0, 3, "another process 0"),
    (3, 3, "another process 3"),
  ):
    with pytest.raises(ConnectionError, match=words):
      dial(index, count)
  first = socket.create_connection(("localhost", port))
  first.sendall(b"bgm2pose_jax-watch-1 1 3\n")
  with pytest.raises(ConnectionError, match="another process 1"):
    dial(1)
  dial(2)
  thread.join()
  assert json.loads(first.recv(100)) == {"told": 7}
  first.close()
  assert sorted(found) == [1, 2]
  for link in found.values():
    link.close()


def test_nobody_comes():
  with pytest.raises(TimeoutError, match="process 1 was not there in 0 s"):
    process_greeting.accept(process_greeting.listen(0), 2, 7, 0.1)
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
  with pytest.raises(TimeoutError, match="process 0 was not there"):
    process_greeting.dial("127.0.0.1", port, 1, 2, 0.3)


def test_a_relay_hands_on_and_hides_the_end():
  with socket.create_server(("127.0.0.1", 0)) as server:
    port = server.getsockname()[1]
    near = socket.create_connection(
      ("127.0.0.1", coordinator_relay.start("127.0.0.1", port))
    )
    far, _ = server.accept()
    near.sendall(b"there")
    assert far.recv(5) == b"there"
    far.sendall(b"back")
    assert near.recv(4) == b"back"
    far.close()
  near.settimeout(0.3)
  with pytest.raises(TimeoutError):
    near.recv(1)
  near.sendall(b"still taken" * 1000)
  near.close()


@pytest.mark.parametrize(
  ("given", "words"),
  [
    ((None, "host:1", 2, None), "in part"),
    (("auto", "host:1", 2, 0), "given together"),
    ((None, "host:1", 2, 2), "--process=2: is none of 2 processes"),
    ((None, "host", 2, 0), "is no HOST:PORT"),
    ((None, "host:http", 2, 0), "is no HOST:PORT"),
    (("auto", None, None, None), "no TPU pod, Slurm or Open MPI"),
  ],
)
def test_places_that_cannot_be(given, words):
  with pytest.raises(InputError, match=words):
    processes.place(*given)


def test_places():
  assert processes.place(None, None, None, None) is None
  assert processes.place(None, "host:1", 1, 0) is None
  assert processes.place(None, "[::1]:80", 3, 2) == processes.Place(
    "[::1]:80", 3, 2
  )


def test_slurm_says_where(monkeypatch):
  for name, value in {
    "JOB_ID": "4096",
    "STEP_NODELIST": "node[007-009]",
    "NTASKS": "3",
    "PROCID": "2",
    "LOCALID": "0",
  }.items():
    monkeypatch.setenv(f"SLURM_{name}", value)
  assert processes.place("auto", None, None, None) == processes.Place(
    "node007:61440", 3, 2, [0]
  )


def test_alone_nothing_waits():
  assert processes.leads()
  assert processes.meet("anywhere", 3) == 3
  processes.note_saved(4)
  with processes.joined(None):
    pass


def _start(folder: pathlib.Path, *flags: str) -> list[subprocess.Popen]:
  with socket.socket() as free:
    free.bind(("localhost", 0))
    address = f"localhost:{free.getsockname()[1]}"
  return [
    subprocess.Popen(
      [
        *(sys.executable, linear_case.__file__, str(folder), "--devices=2"),
        *("--processes=2", f"--process={i}", f"--coordinator={address}"),
        *flags,
      ],
      stderr=subprocess.PIPE,
      text=True,
    )
    for i in range(2)
  ]


def _lines(text: str) -> list[str]:
  """An output without the collectives' library and bars."""
  return [
    line
    for line in text.replace("\r", "\n").splitlines()
    if line and "[Gloo]" not in line and not line.startswith("train: ")
  ]


@pytest.mark.long
def test_a_signal_to_one_stops_both_after_the_same_step(tmp_path):
  running = _start(tmp_path, "--signal_after=3", "--signal_to=1")
  for process in running:
    _, said = process.communicate(timeout=300)
    assert process.returncode == 75, said
    (line,) = _lines(said)
    assert line.startswith("stopped by ")
    assert line.endswith("after step 4; the same command goes on")
  assert seal.numbered(tmp_path / "checkpoints") == [4]


@pytest.mark.long
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_one_is_named_within_a_minute(tmp_path, victim):
  running = _start(
    tmp_path, "--signal_after=8", f"--signal_to={victim}", "--signal=SIGKILL"
  )
  _, said = running[1 - victim].communicate(timeout=300)
  ended = time.monotonic()
  assert running[1 - victim].returncode == 75, said
  assert _lines(said) == [
    f"process {victim} of 2 is gone; the same command on all hosts goes on "
    "after step 5"
  ]
  assert running[victim].wait(60) == -signal.SIGKILL
  assert time.monotonic() - ended < 60
  running[victim].communicate()


@pytest.mark.long
@pytest.mark.parametrize(
  ("flags", "words"),
  [
    (("--model=ridge", "--model=ridge"), "--model=ridge: trains nothing"),
    (("--parallel=pmap", "--parallel=pmap"), "spans the devices of one"),
    (
      ("--seed=1", "--seed=2"),
      "process 1 of 2: was given seed=2, process 0 1",
    ),
    (("--workdir={}/other",) * 2, "holds a run without config.json"),
  ],
)
def test_what_one_refuses_ends_both_with_one_line(tmp_path, flags, words):
  (tmp_path / "other" / "checkpoints").mkdir(parents=True)
  with socket.socket() as free:
    free.bind(("localhost", 0))
    address = f"localhost:{free.getsockname()[1]}"
  running = [
    subprocess.Popen(
      [
        *(sys.executable, "-m", "bgm2pose_jax.main"),
        *(f"--coordinator={address}", "--processes=2", f"--process={i}"),
        f"--workdir={tmp_path / 'run'}",
        flags[i].format(tmp_path),
      ],
      stderr=subprocess.PIPE,
      text=True,
    )
    for i in range(2)
  ]
  for process in running:
    _, said = process.communicate(timeout=300)
    assert process.returncode == 2, said
    (line,) = _lines(said)
    assert line.startswith("error: ")
    assert words in line
  assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_of_eight_devices_goes_on_with_fewer(tmp_path):
  script = """
import json, os, pathlib, shutil, sys
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
import jax, numpy as np
import linear_case
from bgm2pose_jax.runtime import mesh
from bgm2pose_jax.training import loop
folder = pathlib.Path(sys.argv[1])
def trainer(devices, epochs):
  config = linear_case.make_config(**{"batch.size": 8, "optim.epochs": epochs})
  on = mesh.make_mesh(jax.devices()[:devices])
  table = linear_case.make_table()
  made = loop.Trainer(
    config, linear_case.Linear(), linear_case.Error(), table, on
  )
  return made, config
def go(devices, epochs, where):
  made, config = trainer(devices, epochs)
  run = linear_case.open_run(made, config, np.arange(28), where)
  before = np.asarray(run.state.params)
  assert len(run.state.params.sharding.device_set) == devices
  made.run([run])
  after, steps = np.asarray(run.state.params), int(run.state.step)
  run.close()
  return before, after, steps
_, saved, _ = go(8, 1, folder / "eight")
ends = []
for devices in (1, 2, 4, 8):
  shutil.copytree(folder / "eight", folder / str(devices))
  restored, after, steps = go(devices, 2, folder / str(devices))
  assert steps == 10
  assert restored.tobytes() == saved.tobytes()
  assert np.abs(after - saved).max() > 0
  ends.append(after)
scale = np.linalg.norm(ends[-1])
print(json.dumps([float(np.linalg.norm(e - ends[-1]) / scale) for e in ends]))
"""
  helpers = str(pathlib.Path(linear_case.__file__).parent)
  found = (helpers, os.environ.get("PYTHONPATH"))
  done = subprocess.run(
    [sys.executable, "-c", script, str(tmp_path)],
    capture_output=True,
    text=True,
    env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, found))},
  )
  assert done.returncode == 0, done.stderr
  assert max(json.loads(done.stdout)) < 1e-6
