"""Unit tests of engine.backends."""
