"""Pairs of loudspeaker and microphone that hear a person by echoes.

Each pair plays an excitation in turn and its own microphone records

  (h + k) * loudspeaker * excitation + noise

with h what the room answers (`shoebox`) and k what a person adds (`body_echo`
with `sphere_echo` and `wall_echo`, or `surface_echo`). `session` puts them
together. All positions are in the room's frame: y up, the lowest corner of
the room at the origin, metres. Spectra have NumPy's FFT sign.

What is left out: the shadow that the person throws on the walls' own echoes,
sound that meets the person twice, clothes (sphere and surface are rigid), how
directivity changes with frequency, clipping.
"""
