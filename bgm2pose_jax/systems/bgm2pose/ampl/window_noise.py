"""White noise on windows of sound, for the paper's table of noise.

The setting "SNR 10 dB" of BGM2Pose: the ratio is that of the largest
amplitudes, not of powers, and the noise lies on recording and music alike. The
published code draws it twice for the recording; here it is drawn once
(specification 2.4).
"""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

from bgm2pose_jax.systems.bgm2pose.ampl.recordings import Block
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_SAMPLES


def with_noise(block: Block, snr_db: float, recording: str) -> Block:
  """Adds white noise to each window of a block.

  Its largest amplitude is that of the window's six channels together, divided
  by 10^(snr_db / 20). The draw is a function of recording and window, so that
  the same data come out whatever is prepared with them.

  Args:
    block: consecutive windows.
    snr_db: largest amplitude of the signal over that of the noise.
    recording: name of the recording.

  Returns:
    A new block.
  """
  digest = hashlib.sha256(recording.encode()).digest()
  name = int.from_bytes(digest[:8])
  both = np.concatenate([block.audio, block.music])
  for i in range(block.windows):
    window = both[:, i * WINDOW_SAMPLES : (i + 1) * WINDOW_SAMPLES]
    rng = np.random.Generator(
      np.random.Philox(key=[name, block.first_window + i])
    )
    noise = rng.standard_normal(window.shape, np.float32)
    scale = np.abs(window).max() / (10 ** (snr_db / 20) * np.abs(noise).max())
    window += noise * np.float32(scale)
  microphones = len(block.audio)
  return dataclasses.replace(
    block, audio=both[:microphones], music=both[microphones:]
  )
