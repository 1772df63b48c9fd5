"""The notebook runs from start to end as it lies in the folder."""

from __future__ import annotations

import pathlib

import nbclient
import nbformat
import pytest
import trained_fixture

ROOT = pathlib.Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"


def _texts(cell):
  """What a cell printed or returned, as plain text."""
  return "".join(
    out.get("text", "") or out.get("data", {}).get("text/plain", "")
    for out in cell.get("outputs", ())
  )


def _executed(folder, monkeypatch):
  monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
  monkeypatch.setenv("PYTHONPATH", str(ROOT))
  # Kernels and their files stay out of the user's folders.
  monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
  monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "jupyter"))
  notebook = nbformat.read(NOTEBOOK, as_version=4)
  client = nbclient.NotebookClient(
    notebook,
    timeout=600,
    resources={"metadata": {"path": str(folder)}},
  )
  client.execute()
  return "\n".join(map(_texts, notebook.cells)), notebook


def _check(said, notebook, folder):
  assert "<60 poses of 21 joints, 3.0 s, " in said
  assert "(60, 21, 3) frame, joint, xyz in metres" in said
  assert "did you mean hop_ms?" in said
  assert (folder / "poses.bvh").stat().st_size > 1000
  kinds = [
    kind
    for cell in notebook.cells
    for out in cell.get("outputs", ())
    for kind in out.get("data", ())
  ]
  assert "image/png" in kinds
  assert "text/html" in kinds


def test_the_notebook_runs_on_a_run_that_is_there(tmp_path, monkeypatch):
  trained_fixture.make_run(tmp_path / "runs" / "tutorial", model="wipose")
  _check(*_executed(tmp_path, monkeypatch), tmp_path)


@pytest.mark.long
def test_the_notebook_trains_where_there_is_no_run(tmp_path, monkeypatch):
  _check(*_executed(tmp_path, monkeypatch), tmp_path)
  assert (tmp_path / "runs" / "tutorial" / "metrics.jsonl").exists()


def test_the_notebook_is_kept_as_it_ran():
  """Its outputs are those of its cells, in order and without an error."""
  cells = [
    cell
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells
    if cell.cell_type == "code"
  ]
  assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
  said = "\n".join(map(_texts, cells))
  assert "<60 poses of 21 joints, 3.0 s, " in said
  assert "Traceback" not in said
  assert "/tmp/" not in NOTEBOOK.read_text()
