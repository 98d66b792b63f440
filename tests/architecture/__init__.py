"""What holds for all of the code: imports, sizes of modules, linters, types, the lock file."""
