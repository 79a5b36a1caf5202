"""From a person's words to items: BM25, text vectors, and what the words name in the graph."""
