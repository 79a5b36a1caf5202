"""The sentiment of texts by a transformers text-classification pipeline, cached on disk."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError

from kgrec.encoders.array_cache import cache_folder, cache_key, read_array, write_array
from kgrec.encoders.sentiment_labels import label_values
from kgrec.errors import ConfigError
from kgrec.progress import progress_bar


class SentimentClassifier:
    """How good or bad a text sounds: the mean worth of the model's classes, weighted by their probabilities.

    Parameters
    ----------
    model : str
        Local folder or hub name of a sequence classification model; there is no default.
    device : torch.device
    labels : mapping of class name to number from -1 to 1, optional
        What the classes are worth whose names don't say it (`kgrec.encoders.sentiment_labels.label_values`).
    batch_size : int
    max_length : int
        Tokens kept of each text, at most as many as the model can read.
    cache : Path, optional
        Folder of the probabilities already found, by model and texts; None is the user's cache folder.

    Raises
    ------
    ConfigError
        If transformers is not installed, the model can't be loaded, or its classes can't be understood.
    """

    def __init__(
        self,
        model: str,
        *,
        device: torch.device,
        labels: Mapping[str, float] | None = None,
        batch_size: int = 32,
        max_length: int = 256,
        cache: Path | None = None,
    ) -> None:
        if importlib.util.find_spec("transformers") is None:
            raise ConfigError('sentiment needs transformers: pip install "kgrec[text]"')
        self.model, self.device, self.batch_size, self.max_length = model, device, batch_size, max_length
        self.cache = cache or cache_folder("sentiment")
        config = self._config()
        self.classes = [str(config.id2label[place]) for place in range(config.num_labels)]
        self.worth = label_values(self.classes, labels, where=f"model {model!r}")

    def score(self, texts: Sequence[str], *, progress: bool = False) -> np.ndarray:
        """The sentiment of `texts`, shape (num_texts,), float64, from -1 to 1; NaN for a blank text.

        Raises
        ------
        ConfigError
            If the model can't be loaded, or is no classifier.
        """
        unique = sorted({text for text in texts if text.strip()})
        if not unique:
            return np.full(len(texts), np.nan)
        file = self.cache / f"{cache_key([*self._marks(), str(self.max_length), *unique])}.safetensors"
        probabilities = read_array(file)
        if probabilities is None:
            probabilities = self._classify(unique, progress)
            write_array(file, probabilities)
        found = dict(zip(unique, probabilities.astype(np.float64) @ self.worth, strict=True))
        scores: np.ndarray = np.clip([found.get(text, np.nan) for text in texts], -1, 1)
        return scores

    def _marks(self) -> list[str]:
        """What tells the model from others; of a folder its files, so that one trained further is another."""
        folder = Path(self.model)
        if not folder.is_dir():
            return [self.model]
        files = [(file.name, file.stat()) for file in sorted(folder.glob("*.*"))]
        return [f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in files]

    def _classify(self, texts: Sequence[str], progress: bool) -> np.ndarray:
        """Probabilities of the classes, shape (num_texts, num_classes), float32."""
        pipe = self._pipeline()
        place = {name: index for index, name in enumerate(self.classes)}
        order = np.argsort([-len(text) for text in texts], kind="stable")  # like lengths together: little padding
        out = np.zeros((len(texts), len(self.classes)), np.float32)
        with progress_bar("sentiment", len(texts), progress) as bar:
            for begin in range(0, len(texts), self.batch_size):
                rows = order[begin : begin + self.batch_size].tolist()
                for row, found in zip(rows, pipe([texts[row] for row in rows]), strict=True):
                    for one in found:
                        out[row, place[one["label"]]] = one["score"]
                bar.update(len(rows))
        return out

    def _config(self) -> Any:
        from transformers import AutoConfig

        try:
            return AutoConfig.from_pretrained(self.model)
        except (OSError, ValueError) as error:
            raise self._not_loaded(error) from error

    def _pipeline(self) -> Any:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.model)
            model, loading = AutoModelForSequenceClassification.from_pretrained(
                self.model, dtype=torch.float32, output_loading_info=True
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:  # damaged or unfitting weights
            raise self._not_loaded(error) from error
        if loading["missing_keys"]:
            lacking = ", ".join(sorted(loading["missing_keys"]))
            raise ConfigError(f"model {self.model!r} is no trained text classifier: it lacks {lacking}")
        room = getattr(model.config, "max_position_embeddings", None) or self.max_length + 2  # RoBERTa: two are its own
        return pipeline(
            "text-classification",
            model=model,
            tokenizer=tokenizer,
            device=self.device,
            batch_size=self.batch_size,
            top_k=None,
            function_to_apply="softmax",
            truncation=True,
            max_length=min(self.max_length, tokenizer.model_max_length, room - 2),
        )

    def _not_loaded(self, error: Exception) -> ConfigError:
        reason = str(error).strip().splitlines()[0]
        return ConfigError(f"model {self.model!r} can't be loaded by transformers: {reason}")
