"""The embedded store: one SQLite file for spans and lines, so that nothing has to be set up to see a trace."""

from tracelog.local.exporter import LocalExporter
from tracelog.local.place import default_path, url_of
from tracelog.local.search import LocalSearch

__all__ = ["LocalExporter", "LocalSearch", "default_path", "url_of"]
