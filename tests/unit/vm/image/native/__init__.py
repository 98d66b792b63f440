"""Tests of the guest's own programs in C, which are compiled for the host with sanitizers.

fuzz/               a target for each parser, and the program that runs them
fuzz_seeds.py       what each target starts from
test_*.py           the fuzz targets; the programs against their real peers on the host
"""
