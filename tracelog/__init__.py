"""Hold one log line, see the whole chain."""
