"""Unit tests of vm.services."""
