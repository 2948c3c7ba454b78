"""A small web shop of four services, each a file of its own or two: how an application uses tracelog."""
