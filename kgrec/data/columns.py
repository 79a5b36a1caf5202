"""The table, column and event names of a dataset, each spelled once."""

from __future__ import annotations

# tables
ITEMS = "items"
EVENTS = "events"
USERS = "users"
QUERIES = "queries"
TRIPLES = "triples"
IMPRESSIONS = "impressions"  # read into the events

# parts of a split
TRAIN = "train"
VALIDATION = "validation"
TEST = "test"
PARTS = (TRAIN, VALIDATION, TEST)

USER_ID = "user_id"
ITEM_ID = "item_id"

# items
TITLE = "title"
DESCRIPTION = "description"
BRAND = "brand"
CATEGORY = "category"
PRICE = "price"
ATTRIBUTES = "attributes"
UPDATED_AT = "updated_at"  # when the item's row last changed, UTC epoch seconds
CATEGORY_SEPARATOR = " > "

# events
EVENT = "event"
TIMESTAMP = "timestamp"  # UTC epoch seconds
QUANTITY = "quantity"
VALUE = "value"
QUERY = "query"
SESSION_ID = "session_id"
LABEL = "label"  # 0/1: for click data with negatives
POSITION = "position"  # of an impression in its list, from 1
TEXT = "text"  # of a review
SENTIMENT = "sentiment"  # of that text, from -1 (bad) to 1 (good)

# queries
RELEVANCE = "relevance"

# triples
HEAD = "head"
RELATION = "relation"
TAIL = "tail"

# results
RANK = "rank"
SCORE = "score"
CLICK_PROBABILITY = "click_probability"
CONVERSION_PROBABILITY = "conversion_probability"

# experiments
ARM = "arm"
CONVERTED = "converted"  # 0/1: a purchase followed the click
PROPENSITY = "propensity"  # of what was shown, under the policy that showed it
TARGET_PROPENSITY = "target_propensity"  # of the same, under the policy asked about
REWARD_PREDICTION = "reward_prediction"  # what a model expects of what was shown
TARGET_REWARD_PREDICTION = "target_reward_prediction"  # what it expects of the policy asked about, in the same place

IMPRESSION = "impression"
EVENT_TYPES = (IMPRESSION, "view", "click", "favourite", "cart", "purchase", "review")
DEFAULT_EVENT = "click"
