"""The hyperparameters of a recommender, each declared once with its meaning, default and range."""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Literal, get_args

import Stemmer

from kgrec.errors import ConfigError, raise_faults

KnowledgeModel = Literal["TransE", "DistMult", "ComplEx", "RotatE"]
ListLoss = Literal["listwise", "pairwise", "rmspe"]
ValidationMetric = Literal["ndcg", "recall", "mrr", "hit"]

DEFAULT_EVENT_WEIGHTS: dict[str, float] = {
    "view": 0.5,
    "click": 1.0,
    "favourite": 1.5,
    "cart": 1.5,
    "purchase": 2.0,
    "review": 2.0,
}
TEMPERATURES = (0.1, 0.2)  # low for sparse data where the order tells most, high for dense data and where there is none


_IS: dict[str, Callable[[Any], bool]] = {
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: isinstance(value, Integral) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, Real) and not isinstance(value, bool),
    "str": lambda value: isinstance(value, str),
    "None": lambda value: value is None,
}
_EXPECTED = {"bool": "True or False", "int": "a whole number", "float": "a number", "str": "text", "None": "None"}


def _setting(default: Any, meaning: str, low: float | None = None, high: float | None = None) -> Any:
    return field(default=default, metadata={"meaning": meaning, "low": low, "high": high})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommenderConfig:
    """Every setting that shapes the model. Device, seed and progress belong to a run, not here.

    Raises
    ------
    ConfigError
        Listing every setting that is out of its range.
    """

    embedding_dim: int = _setting(256, "size of user and item vectors", 4, 4096)

    use_text: bool = _setting(True, "encode titles, descriptions and names with BERT")
    text_model: str | None = _setting(None, "hub name or folder of a BERT; None: the packaged MiniLM")
    text_max_length: int = _setting(128, "tokens kept of each text", 8, 512)

    use_graph: bool = _setting(True, "use the knowledge graph: its embeddings and propagation over it")
    knowledge_model: KnowledgeModel = _setting("DistMult", "how graph facts are embedded")
    knowledge_dim: int = _setting(64, "size of a graph embedding", 2, 1024)
    knowledge_epochs: int = _setting(
        20, "passes over the facts; fewer where they see more than ten million facts", 1, 10_000
    )
    num_layers: int = _setting(1, "rounds of propagation over the graph", 0, 8)

    use_sequence: bool = _setting(
        True, "encode the order of a user's events with a causal transformer, where it is read"
    )
    history_length: int = _setting(
        50, "most recent events of a user that are read; only in training where their order is not read", 1, 2048
    )
    sequence_layers: int = _setting(2, "layers of the causal transformer", 1, 12)
    sequence_heads: int = _setting(2, "attention heads of the causal transformer", 1, 32)
    recency: float = _setting(0.7, "starting weight of an event for each step back; learned from there", 0.01, 0.99)
    event_weights: Mapping[str, float] = field(
        default_factory=lambda: dict(DEFAULT_EVENT_WEIGHTS),
        metadata={"meaning": "starting weight of each event type; learned from there", "low": None, "high": None},
    )

    use_user_vectors: bool = _setting(True, "learn a vector of each user's own beside what the history says")
    user_events: float = _setting(
        8.0, "events at which a user's own vector is left out of half of the steps; less often with more", 0.0, 1e6
    )

    item_events: float = _setting(
        0.0,
        "events at which an item's own vector is left out of half of the steps, less often with more: about 8 for "
        "shops with texts where many items are new",
        0.0,
        1e6,
    )

    use_profiles: bool = _setting(True, "learn from the profile columns of the users table")

    click_weight: float = _setting(0.1, "alpha: weight of the click loss (binary cross-entropy)", 0.0, 1e6)
    ranking_weight: float = _setting(1.0, "beta: weight of the ranking loss (softmax)", 0.0, 1e6)
    softmax_items: int = _setting(2048, "items drawn for the softmax besides the batch's own; all when fewer", 1)
    click_negatives: int = _setting(4, "drawn negatives per positive where no impressions are given", 1, 1000)
    negative_rate: float = _setting(
        1.0,
        "share of all impressions without a click that the data hold; probabilities are corrected for it",
        1e-6,
        1.0,
    )
    position_bias: bool = _setting(False, "learn what a place in a list does to clicks apart, as one term of its own")
    use_scoring: bool = _setting(True, "fit the scoring module of clicks and purchases to the validation part")
    list_weight: float = _setting(0.0, "weight of the scoring module's loss over the lists shown", 0.0, 1e6)
    list_loss: ListLoss = _setting(
        "listwise", "listwise (softmax), pairwise (logistic) or rmspe: the root of the mean squared error of a list"
    )
    conversion_weight: float = _setting(0.3, "gamma: weight of the scoring module's loss of purchases", 0.0, 1e6)
    temperature: float | None = _setting(
        None, "of the softmax over cosines; None: 0.1 or 0.2, chosen by validation", 0.001, 10.0
    )

    use_item_weights: bool = _setting(True, "add a closed-form item-item model's score to the network's")
    item_weights_limit: int = _setting(20_000, "items of the closed form, at most: those with the most events", 2)
    item_weights_kept: int = _setting(200, "weights kept of each item, the largest", 1)
    item_share: float = _setting(1.0, "weight of the closed form's score; validation chooses where there is one", 0.0)

    search_language: str | None = _setting("english", "Snowball stems of this language join words; None: none")
    search_exact_limit: int = _setting(
        200_000, "items up to which search compares a query with all of them; above, an index where one is installed", 1
    )

    epochs: int = _setting(100, "passes over the events, at most", 1, 100_000)
    warm_epochs: int = _setting(10, "passes over the events of a warm start, at most", 1, 100_000)
    patience: int | None = _setting(
        2, "looks at validation without a gain before a smaller step, at last the end; None: all epochs, no choice", 1
    )
    validation_metric: ValidationMetric = _setting(
        "ndcg", "what early stopping watches; the parts of the score go by NDCG@10"
    )
    validation_k: int = _setting(10, "cutoff of the validation metric", 1, 10_000)
    batch_size: int | None = _setting(
        None, "events in a step, about; None: a twentieth of all, from 256 to 2048, or a thousandth if that is more", 1
    )
    accumulation: int = _setting(1, "parts that a step is done in, one after the other: less memory, the same step", 1)
    clip_norm: float = _setting(0.0, "largest norm of a step's gradient; 0: any", 0.0)
    learning_rate: float = _setting(1e-3, "peak step size of AdamW", 1e-8, 10.0)
    weight_decay: float = _setting(0.0, "AdamW's decay of the dense weights", 0.0, 10.0)
    averaging: float = _setting(
        0.99, "decay of the running mean of the weights that is kept; 0: the weights", 0.0, 0.9999
    )
    dropout: float = _setting(0.2, "share of the sequence encoder's activations dropped in training", 0.0, 0.95)
    id_scale: float = _setting(0.1, "starting norm of each node's own vector, beside unit text vectors", 0.0, 10.0)

    def __post_init__(self) -> None:
        raise_faults(ConfigError, "RecommenderConfig", self._faults())

    def _faults(self) -> list[str]:
        faults = []
        for item in dataclasses.fields(self):
            value, low, high = getattr(self, item.name), item.metadata["low"], item.metadata["high"]
            kinds = [kind for kind in str(item.type).split(" | ") if kind in _IS]
            if kinds and not any(_IS[kind](value) for kind in kinds):
                expected = " or ".join(_EXPECTED[kind] for kind in kinds)
                faults.append(f"{item.name} is {value!r}, expected {expected} ({item.metadata['meaning']})")
            elif low is None or value is None:
                continue
            elif not low <= value <= (float("inf") if high is None else high):
                bounds = f">= {low:g}" if high is None else f"from {low:g} to {high:g}"
                faults.append(f"{item.name} is {value!r}, expected {bounds} ({item.metadata['meaning']})")
        words = ("knowledge_model", KnowledgeModel), ("validation_metric", ValidationMetric), ("list_loss", ListLoss)
        for name, allowed in words:
            if getattr(self, name) not in get_args(allowed):
                faults.append(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(get_args(allowed))}")
        if not isinstance(self.event_weights, Mapping):
            return [*faults, f"event_weights is {self.event_weights!r}, expected a mapping of event to weight"]
        unknown = sorted(map(str, set(self.event_weights) - set(DEFAULT_EVENT_WEIGHTS)))
        if unknown:
            faults.append(f"event_weights names unknown events {unknown}; known: {', '.join(DEFAULT_EVENT_WEIGHTS)}")
        if not all(_IS["float"](weight) and weight > 0 for weight in self.event_weights.values()):
            faults.append(f"event_weights is {dict(self.event_weights)}, expected numbers above 0")
        if isinstance(self.search_language, str) and self.search_language not in Stemmer.algorithms():
            known = ", ".join(Stemmer.algorithms())
            faults.append(f"search_language is {self.search_language!r}, expected None or one of {known}")
        if not faults and self.embedding_dim % self.sequence_heads:
            faults.append(
                f"embedding_dim ({self.embedding_dim}) must be a multiple of sequence_heads ({self.sequence_heads})"
            )
        if self.click_weight == 0 and self.ranking_weight == 0:
            faults.append("click_weight and ranking_weight are both 0: nothing would be learned")
        return faults

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain values, for JSON."""
        plain = dataclasses.asdict(self)
        plain["event_weights"] = dict(self.event_weights)
        return plain

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> RecommenderConfig:
        """The inverse of `to_dict`.

        Raises
        ------
        ConfigError
            If a name is unknown or a value out of range.
        """
        names = {item.name for item in dataclasses.fields(cls)}
        unknown = sorted(set(settings) - names)
        if unknown:
            raise ConfigError(f"unknown settings {unknown}; known: {', '.join(sorted(names))}")
        return cls(**settings)

    @classmethod
    def from_text(cls, settings: Sequence[str]) -> RecommenderConfig:
        """From `NAME=VALUE` as on a command line: values are JSON or Python, else text.

        Raises
        ------
        ConfigError
            If a name is unknown or a value out of range.

        >>> config = RecommenderConfig.from_text(["temperature=.2", "use_text=False", "use_graph=false"])
        >>> config.temperature, config.use_text, config.use_graph
        (0.2, False, False)
        """
        return cls.from_dict({name: _value(text) for name, _, text in (one.partition("=") for one in settings)})


def _settings_text() -> str:
    """One entry for each setting, as a docstring lists parameters."""
    lines, default = ["", "    Parameters", "    ----------"], RecommenderConfig()
    for item in dataclasses.fields(RecommenderConfig):
        low, high = item.metadata["low"], item.metadata["high"]
        value = getattr(default, item.name)
        within = "" if low is None else f", {low:g} or more" if high is None else f", {low:g} to {high:g}"
        lines += [f"    {item.name} : {item.type}{within}, default {value!r}", f"        {item.metadata['meaning']}"]
    return "\n".join([*lines, "    "])


RecommenderConfig.__doc__ = f"{RecommenderConfig.__doc__}{_settings_text()}"


def _value(text: str) -> Any:
    """JSON or a Python literal (`true`, `True`, `.5`), else the text as it is."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError):
            continue
    return text
