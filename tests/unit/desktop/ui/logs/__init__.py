"""Lines of logs: read, merged, filtered and searched."""
