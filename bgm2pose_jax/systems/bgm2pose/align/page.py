"""Table, JSON and page of an alignment."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bgm2pose_jax.files import whole_file
from bgm2pose_jax.report import charts, document
from bgm2pose_jax.report import page as report_page
from bgm2pose_jax.systems.bgm2pose.align import result
from bgm2pose_jax.systems.bgm2pose.align.result import Alignment

_WIDTH, _HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 12, 30
# Blocks further off than this many times the usual scatter are drawn at the
# edge.
_EDGE_SCATTERS = 8.0

_HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{css}</style>
</head>
<body>
<main>
<header>
{banner}
<h1>{title}</h1>
</header>
<section><h2>Delay of each block off the line</h2>{chart}
<p class="note">{note}</p></section>
<section><h2>Figures</h2><table>{rows}</table></section>
</main>
</body>
</html>
"""


def table_rows(found: Alignment) -> list[tuple[str, str]]:
  """What the terminal and the page show: (name, value)."""
  rows = [
    (
      "music begins at",
      f"{found.offset_s:.6f} s, sample {found.offset_samples:.2f}"
      f" +- {found.offset_se_samples:.2f}",
    ),
    ("drift", f"{found.drift_ppm:+.4f} +- {found.drift_se_ppm:.4f} ppm"),
    ("confidence", f"{found.confidence:.0%} of the blocks with music fit"),
    ("explained", f"{found.explained:.0%} of the sound while music plays"),
    (
      "vote",
      f"{found.votes} of {found.voters} blocks agree; by chance less than"
      f" 10^{found.log10_chance:.0f}",
    ),
    ("blocks", _counted(found.block_state)),
    ("windows of 0.6 s", _counted(found.window_state)),
    ("kept windows", _ranges(found)),
    ("polarity", found.polarity),
    ("channels", found.channels),
  ]
  for speaker in found.loudspeakers:
    x, y, z = speaker.direction
    rows.append(
      (
        f"direct sound, {speaker.name}",
        f"{speaker.delay_s * 1e3:+.3f} ms, X {x:+.2f}, Y {y:+.2f}, Z {z:+.2f}",
      )
    )
  return rows


def table(found: Alignment) -> str:
  """The table for the terminal, warnings last."""
  rows = table_rows(found)
  width = max(len(name) for name, _ in rows)
  lines = [f"{name:<{width}}  {value}" for name, value in rows]
  lines += [f"warning: {text}" for text in found.warnings]
  return "\n".join(lines)


def _counted(states: Sequence[str]) -> str:
  counts = {state: states.count(state) for state in dict.fromkeys(states)}
  return ", ".join(f"{count} {state}" for state, count in counts.items())


def _ranges(found: Alignment) -> str:
  ranges = [f"{first}-{end - 1}" for first, end in found.kept_windows()]
  return ", ".join(ranges) or "none"


def write(folder: Path, found: Alignment, name: str) -> list[Path]:
  """Writes `alignment.json` and `alignment.html`.

  Args:
    folder: there already.
    found: what to write.
    name: of the recording, for the title.

  Returns:
    The files.
  """
  plain, page = folder / "alignment.json", folder / "alignment.html"
  whole_file.write_text(plain, json.dumps(found.to_dict(), indent=1) + "\n")
  whole_file.write_text(page, render(found, name))
  return [plain, page]


def render(found: Alignment, name: str) -> str:
  """The page as text; it loads nothing.

  Args:
    found: what to show.
    name: of the recording.
  """
  banner = "".join(
    f'<p class="banner">{html.escape(text)}</p>' for text in found.warnings
  )
  rows = "".join(
    f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>"
    for name, value in table_rows(found)
  )
  return _HTML.format(
    title=html.escape(f"Alignment of {name}"),
    css=document.asset("document.css")
    + document.asset("page.css", report_page.PACKAGE),
    banner=banner,
    chart=delay_chart(found),
    note=(
      "Dots: blocks of 1.4 s that count, against the fitted line of offset and"
      " drift (zero). Rings: blocks left out; at the edge where they lie beyond"
      " it."
    ),
    rows=rows,
  )


def delay_chart(found: Alignment) -> str:
  """Delay off the line against time, as a `<figure>`.

  Args:
    found: with its blocks.
  """
  delay_us = found.block_delay_s * 1e6
  used = np.array([state == result.USED for state in found.block_state])
  known = np.isfinite(delay_us)
  scatter = 1.4826 * float(np.median(np.abs(delay_us[used])))
  top = max(_EDGE_SCATTERS * scatter, 0.1)
  ticks = charts.round_ticks(-top, top)
  low, high = ticks[0], ticks[-1]
  end = float(found.block_middle_s[-1]) * 1.02

  def px(x: float) -> float:
    return _LEFT + x / end * (_WIDTH - _LEFT - _RIGHT)

  def py(y: float) -> float:
    share = (min(max(y, low), high) - low) / (high - low)
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

  parts = []
  for tick in ticks:
    parts.append(
      f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}"'
      f' y1="{py(tick):.1f}" y2="{py(tick):.1f}"/>'
      f'<text x="{_LEFT - 6}" y="{py(tick) + 3.5:.1f}" text-anchor="end">'
      f"{tick:g}</text>"
    )
  for tick in charts.round_ticks(0, math.floor(end)):
    if tick <= end:
      parts.append(
        f'<text x="{px(tick):.1f}" y="{_HEIGHT - 10}" text-anchor="middle">'
        f"{tick:g} s</text>"
      )
  parts.append(
    f'<path class="curve c1" d="M{px(0):.1f} {py(0):.1f}L{px(end):.1f}'
    f' {py(0):.1f}"/>'
    f'<text x="{_LEFT + 4}" y="{_TOP + 8}">µs</text>'
  )
  for i in np.flatnonzero(known):
    x, y = float(found.block_middle_s[i]), float(delay_us[i])
    told = html.escape(f"{x:.1f} s: {y:+.2f} µs, {found.block_state[i]}")
    shape = 'class="dot c0" r="2.6"' if used[i] else 'class="curve c2" r="3.2"'
    parts.append(
      f'<circle {shape} cx="{px(x):.1f}" cy="{py(y):.1f}">'
      f"<title>{told}</title></circle>"
    )
  label = "Delay of blocks off the line, microseconds against seconds"
  return (
    f'<figure class="chart"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
    f' aria-label="{label}">{"".join(parts)}</svg></figure>'
  )
