"""From tables to tensors: vocabularies, the graph as HeteroData, histories, negatives."""
