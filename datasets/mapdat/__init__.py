"""AMPL: music, ambisonics and motion capture, windowed for learning."""
