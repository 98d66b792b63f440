"""The supervisor by itself."""
