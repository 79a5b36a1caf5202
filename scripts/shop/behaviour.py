"""Let every shopper shop for a year: sessions, lists shown, clicks on them, and products found directly.

A session is about one interest: a second-level category and, more narrowly, a leaf, often with a wish on top (a mood, a
colour or a brand). The interest stays, moves to a related category or jumps with the shopper's habits from one
session to the next, so the order of events matters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from shop.catalogue import DAY, END, NUM_ITEMS, START, Catalogue
from shop.people import People
from shop.searches import Query
from shop.vocabulary import Vocabulary, component_rng

STAY, RELATED = 0.62, 0.22  # how often the next session keeps the category, or moves to a related one
KEEP = 0.85  # of the sessions that keep the category, those that keep the leaf and the wishes too
GROUP_PULL, LEAF_PULL = 2.2, 0.6  # how strongly a session sticks to its interest
THEME_PULL, VALUE_PULL, BRAND_PULL = 2.6, 2.4, 1.2  # ... and to its wishes
THEME_WISH, VALUE_WISH, BRAND_WISH = 0.9, 0.9, 0.3  # how often a session has such a wish
STRAY = 0.08  # how often a step ignores the session's interest
NOVELTY, NOVELTY_DAYS = 1.2, 40  # what a launch adds to a product's utility, and how fast that fades
SHARPNESS = 1.0  # scale of all utilities: higher is more predictable
LIST_SESSIONS = 0.34  # sessions whose lists were logged
LIST_LENGTHS, LIST_LENGTH_SHARES = np.array([6, 7, 8, 9, 10]), np.array([0.1, 0.15, 0.5, 0.15, 0.1])
EXAMINATION_DECAY = 0.6  # a list's position p is looked at with probability p ** -decay
CLICK_BIAS, CLICK_SLOPE = -1.7, 0.85
EVENING, MORNING = 17, 7  # UTC hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """What a session is about; -1 for no wish."""

    group: int
    leaf: int
    theme: int
    value: int
    brand: int


@dataclass(slots=True)
class Log:
    """What happened, row by row; `interest` never leaves the generator."""

    user: list[int] = field(default_factory=list)
    item: list[int] = field(default_factory=list)
    timestamp: list[int] = field(default_factory=list)
    session: list[str] = field(default_factory=list)
    listed: list[bool] = field(default_factory=list)
    interest: list[Interest] = field(default_factory=list)


@dataclass(slots=True)
class ListLog:
    """The lists shown, row by row."""

    user: list[int] = field(default_factory=list)
    item: list[int] = field(default_factory=list)
    timestamp: list[int] = field(default_factory=list)
    session: list[str] = field(default_factory=list)
    position: list[int] = field(default_factory=list)
    query: list[str | None] = field(default_factory=list)
    label: list[int] = field(default_factory=list)
    click_probability: list[float] = field(default_factory=list)


class Simulator:
    """Walks through every shopper's year."""

    def __init__(
        self, vocabulary: Vocabulary, catalogue: Catalogue, people: People, queries: list[Query], seed: int
    ) -> None:
        self.vocabulary = vocabulary
        self.catalogue = catalogue
        self.people = people
        self.queries = queries
        self.queries_of = [[q for q in queries if q.group == group] for group in range(len(vocabulary.groups))]
        self.rng = component_rng(seed, "behaviour")
        self.events = Log()
        self.lists = ListLog()
        self.untouched = np.ones(NUM_ITEMS, dtype=bool)
        self.user = 0

    def run(self) -> tuple[Log, ListLog]:
        """Simulate everyone, one after the other."""
        for user in range(len(self.people.user_ids)):
            self.user = user
            self.run_user()
        return self.events, self.lists

    def run_user(self) -> None:
        """One shopper's sessions in order of time, until the planned number of events is reached."""
        self.untouched[:] = True
        planned = int(self.people.num_events[self.user])
        lengths = self.draw_lengths(planned)
        interest: Interest | None = None
        done = 0
        for number, (length, start) in enumerate(zip(lengths, self.draw_starts(len(lengths)), strict=True), start=1):
            if done >= planned:
                break
            interest = self.next_interest(interest, start)
            before = len(self.events.item)
            self.run_session(f"{self.people.user_ids[self.user]}-{number:02d}", start, length, interest)
            done += len(self.events.item) - before

    def draw_lengths(self, planned: int) -> list[int]:
        """Events per session, together `planned`."""
        lengths: list[int] = []
        while (left := planned - sum(lengths)) > 0:
            drawn = min(1 + int(self.rng.geometric(0.24)), 20)
            lengths.append(left if left - drawn < 2 else drawn)
        return lengths

    def draw_starts(self, count: int) -> list[int]:
        """Session starts, UTC epoch seconds: mornings and evenings between joining the shop and leaving it."""
        joined = START + int(self.rng.integers(0, 30)) * DAY
        if self.people.member_since[self.user] == 2025:
            joined = START + int(self.rng.integers(184, 270)) * DAY
        left = END - (0 if self.rng.random() < 0.6 else int(self.rng.integers(0, 45))) * DAY
        num_slots = 2 * (left - joined) // DAY  # one in the morning, one in the evening
        slots = np.sort(self.rng.choice(num_slots, size=min(count, num_slots), replace=False))
        hours = np.where(slots % 2 == 1, EVENING, MORNING) * 3600
        jitter = self.rng.integers(0, 4 * 3600, size=len(slots))
        return [int(start) for start in joined + slots // 2 * DAY + hours + jitter]

    def next_interest(self, interest: Interest | None, start: int) -> Interest:
        """The next session's interest: the same, a related one, or one of the shopper's habits in season."""
        draw = self.rng.random()
        if interest is not None and draw < KEEP * STAY:
            return interest
        if interest is not None and draw < STAY:
            return self.draw_interest(interest.group)
        if interest is not None and draw < STAY + RELATED:
            related = self.vocabulary.groups[interest.group].related
            return self.draw_interest(related[self.rng.integers(len(related))])
        month = datetime.fromtimestamp(start, tz=UTC).month
        season = np.array([1.8 if month in found.months else 1.0 for found in self.vocabulary.groups])
        return self.draw_interest(self.draw_index(np.log(self.people.group_weights[self.user] * season)))

    def draw_interest(self, group: int) -> Interest:
        """A leaf of the group and wishes that the shopper's tastes suggest and that the group's products can meet."""
        rng, people, user = self.rng, self.people, self.user
        leaves = self.vocabulary.group_leaves(group)
        inside = np.flatnonzero(self.catalogue.group == group)
        values = np.flatnonzero(people.values[:, inside].sum(axis=1) >= 2)
        values = values[people.wished[values]]
        brands = np.unique(self.catalogue.brand[inside])
        theme = self.draw_index(people.theme_taste[user, :-1])
        value = int(values[self.draw_index(people.value_taste[user, values])])
        brand = int(brands[self.draw_index(people.brand_taste[user, brands])])
        return Interest(
            group=group,
            leaf=leaves[self.draw_index(people.leaf_weights[user, leaves])],
            theme=theme if rng.random() < THEME_WISH else -1,
            value=value if rng.random() < VALUE_WISH else -1,
            brand=brand if rng.random() < BRAND_WISH else -1,
        )

    def draw_index(self, log_weights: np.ndarray) -> int:
        """An index, with probability proportional to the exponential of its weight."""
        return int(np.argmax(log_weights + self.rng.gumbel(size=len(log_weights))))

    def run_session(self, session: str, start: int, length: int, interest: Interest) -> None:
        """Some lists if this session's lists were logged, then products found directly, up to `length` events."""
        launched = self.catalogue.launched_at <= start
        lasting = SHARPNESS * self.people.appeal[self.user] + novelty(self.catalogue, start)
        pull = interest_pull(self.catalogue, self.people, interest)
        clock = start
        found = 0
        if self.rng.random() < LIST_SESSIONS:
            for _ in range(1 + int(self.rng.random() < 0.75) + int(self.rng.random() < 0.4)):
                clicks, clock = self.show_list(session, clock, interest, launched)
                found += clicks
                clock += int(self.rng.integers(15, 90))
        for _ in range(length - found):
            pulled = lasting if self.rng.random() < STRAY else lasting + pull
            item = self.draw_index(np.where(self.untouched & launched, pulled, -np.inf))
            self.add_event(item, clock, session, interest, listed=False)
            clock += int(self.rng.integers(12, 240))

    def add_event(self, item: int, clock: int, session: str, interest: Interest, *, listed: bool) -> None:
        """Write down one event; the product will not be met again."""
        self.untouched[item] = False
        log = self.events
        log.user.append(self.user)
        log.item.append(item)
        log.timestamp.append(clock)
        log.session.append(session)
        log.listed.append(listed)
        log.interest.append(interest)

    def show_list(self, session: str, clock: int, interest: Interest, launched: np.ndarray) -> tuple[int, int]:
        """Show one list and let the shopper go down it; returns the clicks and the time afterwards."""
        query, shown = self.fill_list(interest, launched & self.untouched)
        liking = 0.55 * self.people.affinity[self.user, shown] + 0.35 * (self.catalogue.leaf[shown] == interest.leaf)
        liking += 0.35 * (self.catalogue.group[shown] == interest.group) + 0.15 * self.catalogue.popularity[shown]
        attraction = 1.0 / (1.0 + np.exp(-(CLICK_BIAS + CLICK_SLOPE * 1.6 * liking)))
        examined = np.arange(1, len(shown) + 1) ** -EXAMINATION_DECAY
        probability = examined * attraction
        clicked = self.rng.random(len(shown)) < probability
        log = self.lists
        count = len(shown)
        log.user += [self.user] * count
        log.item += shown.tolist()
        log.timestamp += [clock] * count
        log.session += [session] * count
        log.position += list(range(1, count + 1))
        log.query += [query] * count
        log.label += clicked.astype(int).tolist()
        log.click_probability += probability.tolist()
        for item in shown[clicked]:
            clock += int(self.rng.integers(2, 12))
            self.add_event(int(item), clock, session, interest, listed=True)
        return int(clicked.sum()), clock + 1

    def fill_list(self, interest: Interest, available: np.ndarray) -> tuple[str | None, np.ndarray]:
        """A search result, a category page or the home page, in the shop's own order (not personal)."""
        catalogue = self.catalogue
        base = 0.5 * catalogue.popularity
        query: str | None = None
        draw = self.rng.random()
        if draw < 0.5 and self.queries_of[interest.group]:
            choices = self.queries_of[interest.group]
            chosen = choices[self.rng.integers(len(choices))]
            query = chosen.text
            base = base + 2.5 * (catalogue.group == interest.group)
            base[chosen.items] += 2.0 * chosen.grades
        elif draw < 0.8:
            base = base + 3.0 * (catalogue.group == interest.group) + 2.5 * (catalogue.leaf == interest.leaf)
        else:
            base = base + 1.5 * np.log(0.02 + self.people.group_weights[self.user])[catalogue.group]
        score = np.where(available, base + self.rng.gumbel(size=NUM_ITEMS), -np.inf)
        length = int(self.rng.choice(LIST_LENGTHS, p=LIST_LENGTH_SHARES))
        return query, np.argsort(-score, kind="stable")[:length]


def interest_pull(catalogue: Catalogue, people: People, interest: Interest) -> np.ndarray:
    """What a session's interest adds to every product's utility, shape (num_items,)."""
    pull = GROUP_PULL * (catalogue.group == interest.group) + LEAF_PULL * (catalogue.leaf == interest.leaf)
    if interest.value >= 0:
        pull += VALUE_PULL * people.values[interest.value]
    if interest.theme >= 0:
        pull += THEME_PULL * (catalogue.theme == interest.theme)
    if interest.brand >= 0:
        pull += BRAND_PULL * (catalogue.brand == interest.brand)
    return np.asarray(pull)


def novelty(catalogue: Catalogue, now: int) -> np.ndarray:
    """What a recent launch adds to every product's utility, shape (num_items,)."""
    age = np.maximum(now - catalogue.launched_at, 0) / DAY
    return np.asarray(NOVELTY * (catalogue.launched_at >= START) * np.exp(-age / NOVELTY_DAYS))


def event_types(log: Log, people: People, seed: int) -> list[str]:
    """The strongest thing done with each product: the more it is liked, the stronger; a listed click is never a view.

    The shares over all events are 45 % view, 30 % click, 7 % favourite, 9 % cart and 9 % purchase.
    """
    rng = component_rng(seed, "event types")
    liking = people.affinity[log.user, log.item]
    strength = 0.5 * liking / liking.std() + rng.standard_normal(len(liking))
    listed = np.array(log.listed)
    names = np.array(["view", "click", "favourite", "cart", "purchase"])
    shares = np.array([0.45, 0.30, 0.07, 0.09, 0.09])
    rank = np.empty(len(listed))
    for part in (listed, ~listed):
        rank[part] = (np.argsort(np.argsort(strength[part], kind="stable")) + 0.5) / part.sum()
    listed_shares = np.array([0.0, 0.55, 0.12, 0.165, 0.165])
    direct_shares = (shares - listed.mean() * listed_shares) / (1 - listed.mean())
    steps = np.where(
        listed,
        np.searchsorted(np.cumsum(listed_shares)[:-1], rank, side="right"),
        np.searchsorted(np.cumsum(direct_shares)[:-1], rank, side="right"),
    )
    return [str(name) for name in names[steps]]
