"""The sample shop's generator: vocabularies, catalogue, wording, people, searches, behaviour. See ../make_shop.py."""

SEED = 7  # of data/shop
