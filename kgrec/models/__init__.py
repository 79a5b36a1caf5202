"""The fusion network and its scorer."""
