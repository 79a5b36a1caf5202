"""The sample shop's generator: vocabularies, catalogue, wording, people, searches, behaviour. See ../make_shop.py."""
