"""Tests of admission: each step, the pipeline of them, and the stream that finds the requests."""
