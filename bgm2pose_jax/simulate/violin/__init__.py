"""A simulated violinist: poses and sound from the same bow and fingers.

  player = players.draw_player("P01", seed=0)
  take = performance.perform(player, "detache", duration_s=30.0, seed=7)
  take.stage.pose_m, take.sound, take.bowing, take.score

`players` draws people, `techniques` and `score` what they play, `bowing` makes
curves of it, `instrument`, `arms` and `posture` the body, `strings` and
`sound` what is heard. Everything is a function of the player, the technique,
the length and an integer seed, on the host, with NumPy and SciPy.

What it is not: no player was measured, and ranges of size, posture, tempo and
bowing are chosen from textbooks. Fingers have no joints, the head is missing,
and the feet do not step. The violin is an oscillator with a few resonances,
not an instrument: no sympathetic strings, no transients of real hair, no
direction of radiation. Figures made on it say nothing about real recordings.
"""
