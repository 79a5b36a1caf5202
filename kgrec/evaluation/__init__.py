"""Metrics, protocols and the leakage audit: they see tables and the graph, never a model."""
