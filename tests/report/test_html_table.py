from __future__ import annotations

from bgm2pose_jax.report import html_table
from bgm2pose_jax.report.html_table import Cell


def test_text_is_escaped_and_cells_carry_their_attributes():
  wide = Cell(html="<b>2</b>", kind="k", columns=2, hint='"<')
  assert html_table.table([("", "<h>")], [("r", ("&", wide))]) == (
    "<table><thead><tr><th></th><th>&lt;h&gt;</th></tr></thead><tbody>"
    '<tr class="r"><td>&amp;</td><td class="k" colspan="2" '
    'title="&quot;&lt;"><b>2</b></td></tr></tbody></table>'
  )


def test_facts_are_a_table_without_a_head():
  assert html_table.facts([("a", 1), ("<b>", "x")]) == (
    '<table class="facts-table"><tbody><tr><td>a</td><td>1</td></tr>'
    "<tr><td>&lt;b&gt;</td><td>x</td></tr></tbody></table>"
  )
