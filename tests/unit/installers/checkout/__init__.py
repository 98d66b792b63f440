"""Tests of ``installers/checkout``: what it decides; every run of ``dev.py test`` shows that it works."""
