"""The settings page: its model, its form, its tabs. steps.py has short words for what a user does."""
