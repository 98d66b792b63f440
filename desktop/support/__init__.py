"""The support bundle: bundle.py collects it, redact.py removes secrets."""
