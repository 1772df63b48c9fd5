"""The skeleton player as a panel; player.js says what data it takes."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.report import document
from bgm2pose_jax.report.page import Panel

_SCRIPTS = ("store", "scene", "player")
_START = """makePlayer(document.getElementById("player"),
  JSON.parse(document.getElementById("data").textContent));
"""


def panel(
  data: Mapping[str, Any],
  *,
  title: str = "Watch",
  caption: str = "",
  starts: bool = True,
) -> Panel:
  """A player; a page has one at most.

  Args:
    data: what `packed_poses.pack` returned, or the data of a live player.
    title: over it.
    caption: plain text below it.
    starts: False where a script of another panel calls `makePlayer`.
  """
  note = f'<p class="note">{html.escape(caption)}</p>' if caption else ""
  has_sound = bool(data.get("sound"))
  names = (*_SCRIPTS[:-1], "sound", _SCRIPTS[-1]) if has_sound else _SCRIPTS
  scripts = [document.asset(f"{name}.js") for name in names]
  return Panel(
    title,
    document.asset("player.html") + note,
    name="player",
    styles=(document.asset("player.css"),),
    scripts=(*scripts, _START) if starts else scripts,
    data=data,
    sounds=has_sound,
  )
