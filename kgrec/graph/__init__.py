"""The knowledge graph and its store."""
