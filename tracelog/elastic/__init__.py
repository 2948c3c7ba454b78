"""Elasticsearch: sending to it, setting it up, searching in it."""
