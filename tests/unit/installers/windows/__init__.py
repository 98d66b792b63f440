"""installers/windows, as far as it needs no Windows program; tests/wine has the rest."""
