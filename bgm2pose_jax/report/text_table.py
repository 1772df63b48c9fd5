"""Tables of plain text whose columns line up."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def aligned(
  rows: Sequence[Sequence[str]],
  *,
  left: Collection[int] = (0,),
  rule: bool = False,
) -> list[str]:
  """Pads cells to the width of their column.

  Args:
    rows: cells, as many in each row.
    left: columns that are aligned to the left, negative ones counted from the
      last; the others are aligned to the right.
    rule: draws a line below the first row.

  Returns:
    Lines of text, without spaces at their ends.
  """
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  at_left = {number % len(widths) for number in left}
  lines = [
    "  ".join(
      cell.ljust(width) if number in at_left else cell.rjust(width)
      for number, (cell, width) in enumerate(zip(row, widths))
    ).rstrip()
    for row in rows
  ]
  if rule:
    lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
  return lines
