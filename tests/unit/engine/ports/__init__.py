"""Tests of published ports."""
