"""installers/common."""
