"""The sources: a data view, a search or a dashboard is changed here."""
