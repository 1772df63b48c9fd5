"""A page of any system: parts that a system composes, and nothing else."""

from __future__ import annotations

import json
import re

from bgm2pose_jax.report import charts, page
from bgm2pose_jax.report.page import Page, Panel, Tile


def test_a_page_of_panels_alone_runs_nothing():
  chart = charts.line_chart("loss", [("train", [(0, 1), (1, 0.5)])])
  text = page.render(
    Page(
      title="Toy & more",
      panels=[Panel("Curve", chart), Panel("Words", "<p>x</p>", name="words")],
    )
  )
  assert "<title>Toy &amp; more</title>" in text
  assert "<h1>Toy &amp; more</h1>" in text
  assert re.findall(r"<h2>(.*?)</h2>", text) == ["Curve", "Words"]
  assert text.count("<svg") == 1
  assert '<section id="words">' in text
  assert "script" not in text
  assert 'class="facts"' not in text
  assert 'class="tiles"' not in text


def test_parts_stand_in_their_order():
  text = page.render(
    Page(
      title="window",
      heading="heading",
      banners=[("KIND", "warning"), ("", "more")],
      facts=[("seed", 0)],
      status="waiting",
      tiles=[Tile("error", "0.5", ["of 1"])],
      panels=[[Panel("one", "1"), Panel("two", "2")], [], Panel("", "3")],
    )
  )
  body = text[text.index("<main>") :]
  words = [x.strip() for x in re.split(r"<[^>]*>", body) if x.strip()]
  assert words == [
    *("KIND", "warning", "more", "heading", "seed", "0", "waiting"),
    *("error", "0.5", "of 1", "one", "1", "two", "2", "3"),
  ]
  assert body.count('class="columns"') == 1


def test_panels_bring_styles_scripts_and_data():
  common = "p { margin: 0 }"
  panels = [
    Panel("a", "", styles=[common], scripts=["first();"], data={"a": 1}),
    Panel("b", "", styles=[common], scripts=["second();"], data={"b": "</x>"}),
  ]
  text = page.render(Page(title="t", panels=panels, styles=["i { top: 0 }"]))
  assert text.count(common) == 1
  assert text.index(common) < text.index("i { top: 0 }")
  assert text.index("first();") < text.index("second();")
  data = re.search(r'id="data">(.*?)</script>', text).group(1)
  assert json.loads(data) == {"a": 1, "b": "</x>"}
  assert "script-src 'unsafe-inline'\"" in text
  assert "connect-src" not in text


def test_a_page_talks_to_whom_it_names():
  panel = Panel("", "", scripts=["void 0;"])
  text = page.render(Page(title="t", panels=[panel], connect="'self'"))
  assert "script-src 'unsafe-inline'; connect-src 'self'\"" in text
