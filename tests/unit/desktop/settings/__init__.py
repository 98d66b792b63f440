"""Tests of desktop/settings/: what is accepted, what is refused with which reason, and what the file keeps."""
