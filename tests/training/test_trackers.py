"""Trackers get every line of metrics.jsonl once, also after a kill."""

from __future__ import annotations

import importlib.util
import pathlib
import signal
import struct
import subprocess
import sys

import linear_case
import pytest
from tensorboardX.proto import event_pb2

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import json_file, json_lines
from bgm2pose_jax.training import trackers
from bgm2pose_jax.training.options import Options

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = linear_case.make_config()


def _scalars(folder):
  """[(tag, step, value)] of all event files, in their order."""
  found = []
  for path in sorted((folder / "tensorboard").glob("events.*")):
    data = path.read_bytes()
    at = 0
    while at < len(data):
      (size,) = struct.unpack_from("<Q", data, at)
      event = event_pb2.Event.FromString(data[at + 12 : at + 12 + size])
      at += 12 + size + 4
      found += [
        (value.tag, event.step, value.simple_value)
        for value in event.summary.value
        if value.HasField("simple_value")
      ]
  return found


def _expected(lines):
  """{(tag, step): value}: an epoch's last step has two lines."""
  return {
    (name, line["step"]): pytest.approx(value, rel=1e-6)
    for line in lines
    for name, value in trackers.figures(line).items()
  }


def _kept(folder):
  return json_lines.read_jsonl(folder / "metrics.jsonl")


def test_a_killed_run_goes_on_without_a_doubled_step(tmp_path):
  script = [
    sys.executable,
    str(ROOT / "tests" / "linear_case.py"),
    str(tmp_path),
    "--tracker=tensorboard",
    # The first epoch is saved, and three of five steps of the second done.
    "--signal_after=9",
    "--signal_to=0",
    "--signal=SIGKILL",
  ]
  done = subprocess.run(script, cwd=ROOT, capture_output=True, check=False)
  assert done.returncode == -signal.SIGKILL
  assert max(line["step"] for line in _kept(tmp_path)) > 5
  _, lines, _ = linear_case.train(tmp_path, tracker="tensorboard")
  found = _scalars(tmp_path)
  assert {(tag, step): value for tag, step, value in found} == _expected(lines)
  steps = [(tag, step) for tag, step, _ in found]
  assert len(set(steps)) == len(steps)
  assert {step for _, step in steps} == {2, 4, 5, 7, 9, 10}


def _line(step):
  return {"step": step, "loss": 1 / step, "note": "text", "bad": "nan"}


def _reopened(name, folder):
  """A tracker that was left at step 5, of which 3 are kept, to step 6."""
  first = trackers.open_tracker(name, "run", folder, CONFIG)
  for step in range(1, 6):
    first.write(_line(step))
  again = trackers.open_tracker(name, "run", folder, CONFIG)
  again.replay(map(_line, range(1, 4)))
  for step in range(4, 7):
    again.write(_line(step))
  page = folder / "report.html"
  page.write_text("<p>page</p>")
  again.close(page)


def test_mlflow_has_each_step_once_and_the_page(tmp_path, monkeypatch):
  monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
  monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
  _reopened("mlflow", tmp_path)
  from mlflow.tracking import MlflowClient

  client = MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
  identity = json_file.read(tmp_path / trackers.FILE, "")["mlflow"]
  history = client.get_metric_history(identity, "loss")
  assert [(each.step, each.value) for each in history] == [
    (step, 1 / step) for step in range(1, 7)
  ]
  run = client.get_run(identity)
  assert run.info.status == "FINISHED"
  assert set(run.data.metrics) == {"loss"}
  assert run.data.params["batch.size"] == "4"
  assert [a.path for a in client.list_artifacts(identity)] == ["report.html"]


def test_tensorboard_is_written_anew(tmp_path):
  _reopened("tensorboard", tmp_path)
  assert _scalars(tmp_path) == [
    ("loss", step, pytest.approx(1 / step)) for step in range(1, 7)
  ]


def test_a_tracker_that_fails_is_left_alone(caplog):
  class Full:
    id = "x"
    asked = 0

    def held(self, name):
      return -1

    def send(self, step, figures):
      self.asked += 1
      raise OSError("no space left")

    def close(self, page):
      raise AssertionError("was left alone")

  service = Full()
  tracker = trackers.Tracker("mlflow", service)
  with caplog.at_level("WARNING"):
    tracker.replay(map(_line, range(1, 5)))
    tracker.close()
  assert service.asked == 1
  assert "--tracker=mlflow: OSError: no space left" in caplog.text


@pytest.mark.parametrize("name", trackers.PACKAGES)
def test_a_missing_package_is_named_with_its_extra(name, monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
  match = rf"--tracker={name}: .*pip install 'bgm2pose-jax\[{name}\]'"
  with pytest.raises(InputError, match=match):
    trackers.check(name)


def test_an_unknown_tracker_is_refused():
  with pytest.raises(InputError, match="tracker"):
    Options(tracker="comet")
