"""installers/linux, as far as it needs no package; tests/packages has the rest."""
