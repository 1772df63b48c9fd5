from __future__ import annotations

from bgm2pose_jax.report import html_table
from bgm2pose_jax.report.html_table import Cell


def test_text_is_escaped_and_cells_carry_their_attributes():
  wide = Cell(html="<b>2</b>", kind="k", columns=2, hint='"<')
  assert html_table.table([("", "<h>")], [("r", ("&", wide))]) == (
    '<div class="scroll" tabindex="0" role="region" aria-label="Table">'
    '<table><thead><tr><th scope="col"></th><th scope="col">&lt;h&gt;</th>'
    '</tr></thead><tbody><tr class="r"><th scope="row">&amp;</th>'
    '<td class="k" colspan="2" title="&quot;&lt;"><b>2</b></td></tr></tbody>'
    "</table></div>"
  )


def test_facts_are_a_table_without_a_head():
  assert html_table.facts([("a", 1), ("<b>", "x")]) == (
    '<div class="scroll" tabindex="0" role="region" aria-label="Table">'
    '<table class="facts-table"><tbody><tr><th scope="row">a</th><td>1</td>'
    '</tr><tr><th scope="row">&lt;b&gt;</th><td>x</td></tr></tbody></table>'
    "</div>"
  )


def test_a_caption_names_the_table_and_its_region():
  text = html_table.table([("a",)], [], caption="By <x>")
  assert "<caption>By &lt;x&gt;</caption>" in text
  assert 'aria-label="By &lt;x&gt;"' in text
