"""KGRecommender: the one object most people use."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Literal

import polars as pl
import torch

from kgrec import saving
from kgrec.answers import Answers
from kgrec.config import RecommenderConfig
from kgrec.data.dataset import Dataset
from kgrec.errors import check_is, check_whole
from kgrec.evaluating import part_lists, part_metrics, part_reliability
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.training.device import resolve_device

if TYPE_CHECKING:  # the database driver takes a second to import
    from kgrec.data.sources import Frame
    from kgrec.graph.schema.types import GraphSchema
    from kgrec.graph.store import GraphStore
    from kgrec.training.engine import Precision
    from kgrec.training.tracking import Tracker, TrackerName
    from kgrec.updating.update import UpdateReport

logger = logging.getLogger(__name__)


class KGRecommender(Answers):
    """Ranks a shop's items for its users, predicts clicks, and says why.

    Parameters
    ----------
    config : RecommenderConfig, optional
    device : str or torch.device, optional
        None picks CUDA when there, else the CPU.
    seed : int
        All randomness of `fit` comes from it.

    Attributes
    ----------
    model_ : FittedModel
        After `fit` or `load`.

    Raises
    ------
    ConfigError
        If the device is not to be had.
    """

    def __init__(
        self, config: RecommenderConfig | None = None, device: str | torch.device | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        check_whole(0, seed=seed)
        check_is((RecommenderConfig, NoneType), "KGRecommender", config=config)
        self.config = config or RecommenderConfig()
        self.device = resolve_device(device)
        self.seed = seed

    def fit(
        self,
        train: Dataset,
        validation: Dataset | None = None,
        graph: KnowledgeGraph | GraphStore | None = None,
        *,
        warm_start: bool = False,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        tracker: TrackerName | Tracker | None = None,
        precision: Precision = "auto",
        deterministic: bool = False,
        progress: bool | None = None,
    ) -> KGRecommender:
        """Train on `train`; `validation` only chooses, as when to stop, and joins the users' known history.

        Without `validation` the last tenth of the events (the last ones of some users where that tenth is of new users,
        random ones where many have no time) chooses in a first training, and is learned from in a short second one.
        Where they are too few, or with `patience=None` in the config, nothing chooses and all epochs are run. So it
        goes too, with a warning, where less than half of what `validation` asks (and fewer than 1,000 interactions) is
        of users with a history: the rest tells nothing of what the network makes of histories. Where a part's
        `history` says something of users whom train doesn't know, they choose like any other.

        The order of events, which their timestamps tell, counts unless most of a user's validation events lie before
        the last one of `train`; where it does, short pilots on validation say whether the network reads it, as they
        choose the temperature (one that is given leaves it read): not where what people like does not follow from what
        they had just before. Started by `torchrun`, the processes share the work of each step and end with the same
        model.

        Parameters
        ----------
        graph : KnowledgeGraph, GraphStore or None
            None builds it from the catalogue and triples of `train`; a store is read. Items that it lacks are
            products without properties and edges.
        warm_start : bool
            Go on from the model as it is, fitted or loaded, where it knows the same nodes, users and items: for
            `config.warm_epochs` passes at most, by smaller steps, with the closed form's settings of then. Without
            validation all else that it chose then holds too: shares of the score, popularity, what new items get, the
            scoring module and what search learned. `fit(split.known, warm_start=True)` after a `fit` with validation
            so takes in the validation events, before what is still to come is ranked.
        checkpoint : path, optional
            File to keep the state of the training in: after each look at validation, without one after each epoch,
            and every ten minutes of a longer one.
        resume : bool
            Go on from that file where it is there, to the model that a training without a break would have given.
        tracker : "tensorboard", "mlflow", "wandb" or Tracker, optional
            Told of losses and validation while training (`kgrec.training.tracking`). TensorBoard's files go beside the
            checkpoint, without one to the folder `runs`.
        precision : "auto", "fp32" or "bf16"
            bf16 makes the transformer's and the scores' products in 16 bits; auto: on CPUs that have units for them,
            where a step takes a sixth to a third less time. On GPUs it pays with large models alone.
        deterministic : bool
            On a GPU too the same bits each time, or an error; a CPU always gives them.
        progress : bool, optional
            Show a progress bar; None: when stderr is a terminal.

        Returns
        -------
        self

        Raises
        ------
        DataError
            If there is nothing to train on.
        ConfigError
            If the tracker or the precision is not to be had; or the model to go on from has other settings in what its
            weights depend on.
        SavedModelError
            If the checkpoint to go on from is that of another training.
        NotFittedError
            If there is no model to go on from.
        """
        check_is(Dataset, "fit", train=train)
        check_is((Dataset, NoneType), "fit", validation=validation)
        from kgrec.learning import learn  # PyTorch Geometric takes seconds to import, and serving needs none of it
        from kgrec.training.options import fit_options

        with fit_options(
            device=self.device,
            config=self.config,
            checkpoint=checkpoint,
            resume=resume,
            tracker=tracker,
            precision=precision,
            deterministic=deterministic,
            progress=sys.stderr.isatty() if progress is None else progress,
        ) as options:
            previous = self.model_ if warm_start else None
            self._model = learn(
                train, validation, graph, self.config, seed=self.seed, options=options, previous=previous
            )
        return self

    def evaluate(
        self, part: Dataset, ks: Sequence[int] = (10, 20), *, filter_seen: bool = True, diversity: float = 0.0
    ) -> dict[str, float]:
        """Full-ranking and click metrics on a part of a split.

        A user's history is what came before the part (`part.history`), else what the model knows. Items of the history
        are left out of the lists unless `filter_seen` is False, as where people buy things again; every user with an
        interaction in the part counts, and only items of the catalogue are ranked. Clicks are those of the part's
        impressions or labels; where it has none, its interactions against as many drawn pairs. With `diversity` above 0
        the lists are those that `recommend` gives with it: what variety costs.

        Returns
        -------
        dict
            recall@k, ndcg@k, hit@k, mrr@k, coverage@k for each k; auc, log_loss, ece.

        Raises
        ------
        ConfigError
            If there is no k, or one is no whole number above 0, or diversity is not from 0 to 1.
        DataError
            If the part has no interaction.
        """
        check_is(Dataset, "evaluate", part=part)
        return part_metrics(self.model_, part, ks, self.seed, filter_seen=filter_seen, diversity=diversity)

    def reliability(self, part: Dataset) -> pl.DataFrame:
        """How true the click probabilities are on the pairs that `evaluate` measures clicks on.

        Returns
        -------
        polars.DataFrame
            For each of 15 equal bins of the probability that holds a pair: bin_start, bin_end, num_pairs,
            click_probability (mean of those predicted), click_share (of the pairs that were clicked).
        """
        check_is(Dataset, "reliability", part=part)
        return part_reliability(self.model_, part, self.seed)

    def recommend_part(
        self, part: Dataset, k: int = 10, *, filter_seen: bool = True, diversity: float = 0.0
    ) -> pl.DataFrame:
        """The lists that `evaluate` scores: for each user of the part, going by what came before it.

        Raises
        ------
        ConfigError
            If k is no whole number above 0, or diversity is not from 0 to 1.
        """
        check_is(Dataset, "recommend_part", part=part)
        return part_lists(self.model_, part, k, filter_seen=filter_seen, diversity=diversity)

    def update(
        self,
        new_events: Frame | str | Path | None = None,
        new_items: Frame | str | Path | None = None,
        store: GraphStore | None = None,
        *,
        schema: GraphSchema | str | Path | None = None,
        on_unknown: Literal["raise", "skip"] = "raise",
    ) -> UpdateReport:
        """Take in new events, new items and other prices, stock and texts of known ones at once, without training.

        Events join the histories of their users, known and new ones, at their place in time: the next lists follow
        them, and what is popular moves with them. New items get vectors from their text and their place in the graph.
        Known items get the properties given: filters, search, profiles and click features go by them from then on.
        What training learned stays as it is. If anything is wrong, nothing changes at all.

        Parameters
        ----------
        new_events, new_items : frames or files, optional
            As `Dataset` takes them, or CSV or Parquet files. An event with a time that is known already (same user,
            item, type and second) is the same event come again and counts once, so that an update may be sent twice;
            without a time it has just happened, and each one counts. Of items that are known, columns and cells left
            out stay as they are, and so do brand, category and attributes, which their vectors were learned of: the
            report counts the items that are said to have others, which the next fit takes in.
        store : GraphStore, optional
            The database that holds the graph: the new items with their facts go there too, and the new events as edges
            of their users. Sending the same again changes nothing. What the model doesn't know of them stays as it is
            there, and so do the sentiments of products and edges, until the graph is loaded anew.
        schema : GraphSchema or path, optional
            The shop's extension of the graph's schema, where the graph was made with one; by default the store's.
        on_unknown : "raise" or "skip"
            What to do with events on items that are neither known nor new.

        Returns
        -------
        UpdateReport
            How much there was, and what was cleaned.

        Raises
        ------
        DataError
            Listing every fault of both tables.
        GraphError
            If a property is of another type than in the graph, or the schema has faults.
        StoreError
            If the store refuses; send the same update again.
        """
        from kgrec.updating.update import update_model

        self._model, report = update_model(
            self.model_, new_events, new_items, store, schema=schema, on_unknown=on_unknown
        )
        return report

    def save(self, folder: str | Path) -> None:
        """Write the model as JSON and safetensors; a kill in the middle leaves the old model loadable."""
        saving.save_model(self.model_, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, device: str | torch.device | None = None) -> KGRecommender:
        """Read a saved model; no training data is needed.

        Raises
        ------
        SavedModelError
            If the folder is not a saved model.
        """
        resolved = resolve_device(device)
        model = saving.load_model(Path(folder), resolved)
        recommender = cls(model.config, resolved, seed=int(model.about.get("seed", 0)))
        recommender._model = model
        return recommender
