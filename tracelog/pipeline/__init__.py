"""The way of a record from the thread that finished it to the back end."""
