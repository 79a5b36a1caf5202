"""Reasons for a recommendation."""
