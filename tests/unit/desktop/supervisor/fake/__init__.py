"""The stand-in behind the real control server."""
