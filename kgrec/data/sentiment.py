"""What reviews say: a product's mean sentiment, and disliked products as negatives. Pure functions on events."""

from __future__ import annotations

import polars as pl

from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.errors import ConfigError

NUM_REVIEWS = "num_reviews"
PRIOR_REVIEWS = 5.0  # how many reviews of its own weigh as much as what all products' reviews say


def item_sentiment(events: pl.DataFrame, prior_reviews: float = PRIOR_REVIEWS) -> pl.DataFrame:
    """The mean sentiment of each item that has one, pulled towards the mean of all reviews the more the fewer it has.

    Parameters
    ----------
    events : frame
        A dataset's events; those with a sentiment count, impressions excepted, whatever their label.
    prior_reviews : float, >= 0
        At so many reviews an item's own mean and that of all reviews count alike.

    Returns
    -------
    polars.DataFrame
        Columns item_id, sentiment (from -1 to 1), num_reviews; sorted by item_id, items without a review left out.

    >>> events = {"item_id": ["a", "a", "b"], "event": ["review"] * 3, "sentiment": [1.0, 1.0, -0.5]}
    >>> item_sentiment(pl.DataFrame(events), prior_reviews=1)["sentiment"].to_list()  # the mean of all is 0.5
    [0.8333333333333334, 0.0]
    """
    reviews = events.filter(pl.col(c.SENTIMENT).is_not_null() & (pl.col(c.EVENT) != c.IMPRESSION))
    reviews = reviews.sort(c.ITEM_ID, c.SENTIMENT)  # sums that are the same to the last bit in any order of the rows
    count = pl.len().cast(pl.Int64)
    prior = prior_reviews * float(reviews[c.SENTIMENT].sum()) / max(reviews.height, 1)
    shrunk = (pl.col(c.SENTIMENT).sum() + prior) / (pl.len() + prior_reviews)
    return reviews.group_by(c.ITEM_ID, maintain_order=True).agg(shrunk.alias(c.SENTIMENT), count.alias(NUM_REVIEWS))


def dislikes_as_negatives(dataset: Dataset, below: float = -0.25) -> Dataset:
    """Give events with a sentiment under `below` the label 0: they express no liking any more.

    They then leave the interactions, and with them the histories, the ranker's targets and the held-out items; where a
    dataset has no impressions, they are the negatives that click probabilities are learned from. An item that a user
    disliked is then no item of the history, and can be listed for that user: pass `exclude` to `recommend` or keep
    the events as they are, as kgrec does unless asked.

    Parameters
    ----------
    dataset : Dataset
        Whole, or the train part of a split alone, so that the held-out parts stay as they are.
    below : float, from -1 to 1
        The default leaves two stars of five (-0.5) out and three (0) in.

    Raises
    ------
    ConfigError
        If `below` is out of its range.
    """
    if isinstance(below, bool) or not isinstance(below, (int, float)) or not -1 <= below <= 1:
        raise ConfigError(f"below is {below!r}, expected a number from -1 to 1")
    disliked = (pl.col(c.SENTIMENT) < below) & (pl.col(c.EVENT) != c.IMPRESSION)
    label = pl.when(disliked).then(pl.lit(0, dtype=pl.Int8)).otherwise(c.LABEL).alias(c.LABEL)
    return dataset.map_events(lambda events: events.with_columns(label))
