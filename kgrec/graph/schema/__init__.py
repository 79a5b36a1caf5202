"""The graph's types, and what is made from them."""
