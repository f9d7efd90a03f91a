"""Training, evaluation and export of nano, Aloud's small audio-reasoning model."""
