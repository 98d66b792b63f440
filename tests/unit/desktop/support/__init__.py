"""The support bundle and its redaction."""
