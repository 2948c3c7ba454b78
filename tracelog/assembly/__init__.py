"""Settings, and the wiring that they ask for."""

from tracelog.assembly.build import build, build_beside, configure
from tracelog.assembly.destination import Destination, destination
from tracelog.assembly.settings import Settings, read_settings

__all__ = ["Destination", "Settings", "build", "build_beside", "configure", "destination", "read_settings"]
