"""One file per place in the sidebar, and one per object that has a page of its own."""
