"""From two sound files and a trained model to a moving skeleton."""
