"""What the desktop part needs of this computer (autostart, sleep and wake, keychain): the second selector."""
