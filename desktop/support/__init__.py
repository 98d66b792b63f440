"""The support bundle: bundle.py says what is in it, redact.py takes the secrets out."""
