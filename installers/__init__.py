"""installers"""
