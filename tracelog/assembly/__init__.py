"""Settings, and the wiring that they ask for."""

from tracelog.assembly.build import build, configure
from tracelog.assembly.destination import Destination, destination
from tracelog.assembly.settings import Settings, read_settings

__all__ = ["Destination", "Settings", "build", "configure", "destination", "read_settings"]
