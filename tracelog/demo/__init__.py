"""A small web shop of three services, each a file of its own: how an application uses tracelog."""
