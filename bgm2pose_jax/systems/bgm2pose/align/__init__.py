"""Puts a recording and the music that was played on one clock.

The recorder was started at another time than the music, and both devices have
clocks of their own. `align` finds offset and drift, `warp` moves the music onto
the recording's clock: features frame the recording and poses are on its clock,
so the music is what moves.
"""

from bgm2pose_jax.audio.warp import warp
from bgm2pose_jax.systems.bgm2pose.align.alignment import align
from bgm2pose_jax.systems.bgm2pose.align.result import Alignment

__all__ = ["Alignment", "align", "warp"]
