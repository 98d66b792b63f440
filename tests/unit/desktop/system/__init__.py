"""Starting at login and the menu, for each of the three systems; nothing outside temporary folders."""
