"""No name from outside changes what a page is made of."""

from __future__ import annotations

import html.parser

import numpy as np
import pytest
import results_fixture
from track_fixture import make_track

from bgm2pose_jax.files import whole_file
from bgm2pose_jax.report import charts, html_table
from bgm2pose_jax.report import page as page_lib
from bgm2pose_jax.systems.bgm2pose.align import page as align_page
from bgm2pose_jax.systems.bgm2pose.align import result
from bgm2pose_jax.systems.bgm2pose.align.sound_field import SoundField
from bgm2pose_jax.systems.bgm2pose.predict import page as predict_page
from bgm2pose_jax.systems.bgm2pose.report import REPORT

NAMES = (
  "<script>alert(1)</script>",
  "</script><script>alert(1)</script>",
  "</title></style></main><img src=x onerror=alert(1)>",
  '" onmouseover="alert(1)" x=\'',
  "' onfocus='alert(1)' autofocus x=\"",
  "<!--css--><!--data--><!--js-->",
  "-->]]><svg/onload=alert(1)>",
  "&lt;b&gt;&#60;i&#62;",
  "{title}{rows}{0}%s%n",
  "two\nlines\t\x1b[2J\u2028\u2029\u202e",
  "\udcff.wav",
)


class Shape(html.parser.HTMLParser):
  """Elements and the names of their attributes, in order."""

  def __init__(self):
    super().__init__()
    self.seen = []

  def handle_starttag(self, tag, attrs):
    self.seen.append((tag, *(name for name, _ in attrs)))

  def handle_endtag(self, tag):
    self.seen.append(f"/{tag}")

  def handle_comment(self, data):
    self.seen.append("comment")


def report(name, folder):
  row = {"mpjpe_cm": 5.0, "rmse": 0.5, "mae": 0.25, "pckh50": 0.75}
  row["windows"] = 30
  groups = {f"{i}{name}": {**row, "mean_pose": row} for i in range(2)}
  found = results_fixture.make_results(
    setting=name, preset=name, dataset=name, model=name, fold=name, seed=name,
    test_tracks=[name], test_subjects=[name], per_track=groups,
    per_subject=groups, definitions={name: name},
  )  # fmt: skip
  pred = np.zeros((12, 12, 21, 3), np.float32)
  arrays = results_fixture.make_predictions(pred, subject=name)
  arrays |= {"track": np.full(12, name), "recording": np.full(12, name)}
  curves = [{"step": i, name: float(i), "loss": 1.0} for i in range(3)]
  path = folder / "report.html"
  whole_file.write_text(path, REPORT.page(found, curves, arrays))
  return path


def predicted(name, folder):
  track = make_track(facts={name: name, "inner": {name: [name]}})
  path = folder / "poses.html"
  predict_page.write_page(path, track, title=name, facts=[(name, name)])
  return path


def aligned(name, folder):
  found = result.Alignment(
    offset_samples=1.0, offset_se_samples=0.1, drift_ppm=0.0, drift_se_ppm=0.1,
    samples=48000, confidence=1.0, votes=3, voters=3, log10_chance=-9.0,
    block_middle_s=np.array([1.0, 2.0]), block_delay_s=np.array([0.0, 1e-6]),
    block_state=(result.USED, name), window_state=(result.USED, name),
    loudspeakers=(result.Loudspeaker(name, 0.0, 1, (1.0, 0.0, 0.0)),),
    channels=name, explained=0.5, jump_s=None, jump_at_s=None, rival_s=None,
    warnings=(name,),
    sound_field=SoundField("wxyz", name, None, (1.0,), (name,)),
  )  # fmt: skip
  return align_page.write(folder, found, name)[1]


def composed(name, folder):
  """Every part that a page can have."""
  path = folder / "page.html"
  cell = html_table.Cell(html="", kind=name, hint=name)
  point = charts.Point(1.0, 1.0, name)
  drawn = (
    charts.bars({name: [charts.Bar(name, 1.0, name, 2.0)]})
    + charts.scatter(
      name, [point], x_end=2.0, y_top=1.0, x_unit=name, y_unit=name
    )
    + charts.line_chart(name, [(name, [(0, 1), (1, 2)])], x_name=name)
    + html_table.table([(name,)], [(name, (name, cell))], kind=name)
  )
  text = page_lib.render(
    page_lib.Page(
      title=name,
      heading=name,
      banners=[(name, name)],
      facts=[(name, name)],
      status=name,
      tiles=[page_lib.Tile(name, name, [name])],
      panels=[
        page_lib.Panel(
          name, drawn, name=name, scripts=["void 0;"], data={name: [name]}
        )
      ],
    )
  )
  whole_file.write_text(path, text)
  return path


@pytest.mark.parametrize("write", [report, predicted, aligned, composed])
def test_names_are_text_and_nothing_else(write, tmp_path):
  def shape(name):
    shape = Shape()
    shape.feed(write(name, tmp_path).read_text("utf-8"))
    return shape.seen

  wanted = shape("plain")
  assert len(wanted) > 10
  for name in NAMES:
    assert shape(name) == wanted, name
