"""MAPdat: violin takes with motion capture and sound, windowed for learning."""
