"""Looks over a folder of recordings and says what is wrong with all of it."""

from bgm2pose_jax.systems.bgm2pose.doctor.examine import Diagnosis, examine
from bgm2pose_jax.systems.bgm2pose.doctor.findings import Finding

__all__ = ["Diagnosis", "Finding", "examine"]
