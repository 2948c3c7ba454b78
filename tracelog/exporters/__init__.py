"""Back ends that need nothing but this process: its memory, its output, a file."""

from tracelog.exporters.lines import LinesExporter
from tracelog.exporters.memory import MemoryExporter

__all__ = ["LinesExporter", "MemoryExporter"]
