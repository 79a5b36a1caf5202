"""Metrics and protocols: they see tables, never a model."""
