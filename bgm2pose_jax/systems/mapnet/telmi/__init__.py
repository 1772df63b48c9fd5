"""Reader of TELMI's datapacks, in the format of RepoVizz.

`find` lists the datapacks of a folder, `describe` says what one holds, with
its terms, and `read` makes a take of it.
"""

from bgm2pose_jax.systems.mapnet.telmi.datapack import Datapack, find
from bgm2pose_jax.systems.mapnet.telmi.inventory import describe
from bgm2pose_jax.systems.mapnet.telmi.reading import Reading, read

__all__ = ["Datapack", "Reading", "describe", "find", "read"]
