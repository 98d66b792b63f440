"""The checks, each on an installation in a temporary folder."""
