"""Grafana boards as code: Python in, the JSON of `grafana/boards/` out. Every figure comes from a view of `schemas/views/`."""
