"""Tests of what the end-to-end tests are made of."""
