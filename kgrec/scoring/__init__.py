"""The scoring module: probabilities of a click and of a purchase for pairs of user and item."""
