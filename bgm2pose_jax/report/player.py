"""The skeleton player as a panel; player.js says what data it takes."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.report import document
from bgm2pose_jax.report.page import Panel

_SCRIPTS = (
  "store",
  "hands",
  "scene",
  "sound",
  "saving",
  "links",
  "controls",
  "player",
)
_START = """const player = makePlayer(document.getElementById("player"),
  JSON.parse(document.getElementById("data").textContent));
"""
_FOCUS = "if (player) player.focus();\n"


def panel(
  data: Mapping[str, Any],
  *,
  title: str = "Watch",
  caption: str = "",
  starts: bool = True,
  in_focus: bool = False,
) -> Panel:
  """A player; a page has one at most.

  Args:
    data: what `packed_poses.pack` returned, or the data of a live player.
    title: over it.
    caption: plain text below it.
    starts: the page has it as `player`, null when there is nothing to play;
      False where a script of another panel calls `makePlayer`.
    in_focus: a player that starts has the keys at once.
  """
  note = f'<p class="note">{html.escape(caption)}</p>' if caption else ""
  start = (_START, _FOCUS) if in_focus else (_START,)
  return Panel(
    title,
    document.asset("player.html") + note,
    name="player",
    styles=(document.asset("player.css"),),
    scripts=(
      *(document.asset(f"{name}.js") for name in _SCRIPTS),
      *(start if starts else ()),
    ),
    data=data,
    sounds=any(clip.get("sound") for clip in data.get("clips", ())),
  )
