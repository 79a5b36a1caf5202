"""A BERT of 20 thousand weights that learns in a second or two which of a few words are good and which are bad."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import torch
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

GOOD, BAD = ("good", "great", "lovely", "solid"), ("bad", "awful", "broken", "ugly")
THINGS = ("lamp", "mat", "pan", "chair")
HELD_OUT = {
    ("great", "mat"),
    ("awful", "mat"),
    ("solid", "lamp"),
    ("ugly", "lamp"),
    ("lovely", "chair"),
    ("bad", "pan"),
}


def train_classifier(folder: Path, names: Mapping[int, str]) -> str:
    """Train on every `a GOOD THING`, `a BAD THING` that is not held out; class 0 is bad, 1 is good.

    Returns
    -------
    str
        The folder, as `from_pretrained` takes it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", *GOOD, *BAD, *THINGS]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "BertTokenizer", "do_lower_case": true}', "utf-8"
    )
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=24,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        id2label=dict(names),
        label2id={name: place for place, name in names.items()},
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertForSequenceClassification(config)
    model.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pairs = [pair for pair in product((*GOOD, *BAD), THINGS) if pair not in HELD_OUT]
    tokens = tokenizer([f"a {word} {thing}" for word, thing in pairs], return_tensors="pt", padding=True)
    labels = torch.tensor([int(word in GOOD) for word, _ in pairs])
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        model(**tokens, labels=labels).loss.backward()
        optimizer.step()
    model.eval().save_pretrained(folder)
    return str(folder)
