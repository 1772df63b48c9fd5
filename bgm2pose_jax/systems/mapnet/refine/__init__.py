"""Poor poses and the sound that was played: precise poses."""
