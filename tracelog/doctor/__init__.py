"""Finds out why ids are missing, and why nothing arrives."""

from tracelog.doctor.examine import examine, examine_application
from tracelog.doctor.finding import FAULT, NOTE, Finding, Report

__all__ = ["FAULT", "NOTE", "Finding", "Report", "examine", "examine_application"]
