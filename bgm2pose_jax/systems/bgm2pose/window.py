"""How BGM2Pose cuts time: windows of 0.6 s, twelve frames each."""

from __future__ import annotations

WINDOW_S = 0.6
WINDOW_FRAMES = 12
# At `audio_files.SAMPLE_RATE_HZ`.
WINDOW_SAMPLES = 28_800
