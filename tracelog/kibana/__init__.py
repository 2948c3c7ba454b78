"""Kibana: bringing the dashboards into it."""
