"""vm/image"""
