"""The window on the scripted stand-in: pages and actions, accessibility, screenshots."""
