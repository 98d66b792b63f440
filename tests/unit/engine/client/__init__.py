"""Tests of the engine's client."""
