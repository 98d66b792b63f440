"""tests/architecture"""
