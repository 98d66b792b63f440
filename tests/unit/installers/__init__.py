"""Tests of ``installers``."""
