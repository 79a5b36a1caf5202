"""The rankers that a model has to beat: small, exact, on the same histories and through the same top-k."""

from kgrec.baselines.ease import EASE
from kgrec.baselines.item_knn import ItemKNN
from kgrec.baselines.lightgcn import LightGCN
from kgrec.baselines.popularity import Popularity
from kgrec.baselines.ranker import Ranker

__all__ = ["EASE", "ItemKNN", "LightGCN", "Popularity", "Ranker"]
