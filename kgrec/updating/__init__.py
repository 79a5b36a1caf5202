"""New events and new items into a fitted model, without training."""
