"""A fitted model as a folder of JSON and safetensors, replaced as a whole."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from kgrec.config import RecommenderConfig
from kgrec.errors import ConfigError, GraphError, SavedModelError, list_first
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, KnowledgeGraph
from kgrec.models.closed_form import ItemWeights
from kgrec.models.fitted import FittedModel
from kgrec.models.propagation import Propagation, PropagationLayer
from kgrec.models.repeats import RepeatWeights
from kgrec.models.serving import ItemVectors, serving_network
from kgrec.scoring.click_rates import ClickRates
from kgrec.scoring.model import ScoringModule
from kgrec.scoring.network import ScoringNetwork
from kgrec.search.settings import SearchSettings
from kgrec.tensors.profiles import ProfileColumns
from kgrec.tensors.sequences import Histories
from kgrec.tensors.shown import Shown
from kgrec.tensors.vocabulary import Vocabulary

FORMAT = 15
MANIFEST = "model.json"  # names the folder of the rest; replaced in one step
_PREFIX, _DIGITS = "model-", 12  # of a folder's name, hexadecimal


def save_model(model: FittedModel, folder: Path) -> None:
    """Write `model` to `folder`: first all files under a new name, then the manifest that points to them.

    Raises
    ------
    SavedModelError
        If the folder is a file.
    """
    if folder.is_file():
        raise SavedModelError(f"can't save to {folder}: it is a file, expected a folder")
    folder.mkdir(parents=True, exist_ok=True)
    name = _PREFIX + secrets.token_hex(_DIGITS // 2)
    inner = folder / name
    inner.mkdir()
    weights = {f"network.{key}": value for key, value in model.network.state_dict().items()}
    weights |= {
        "items.source": model.vectors.source,
        "items.target": model.vectors.target,
        "items.bias": model.vectors.bias,
    }
    if model.prior is not None:
        weights["items.prior"] = model.prior
    if model.cold is not None:
        weights["items.cold"] = torch.from_numpy(model.cold)
    if model.repeats is not None:
        weights |= {f"repeats.{part}": torch.from_numpy(getattr(model.repeats, part)) for part in ("weight", "rate")}
    if model.scoring is not None:
        weights |= {f"scoring.{key}": value for key, value in model.scoring.network.state_dict().items()}
    save_file(
        {key: value.detach().cpu().contiguous().clone() for key, value in weights.items()},
        inner / "weights.safetensors",
    )
    if model.item_weights is not None:
        parts = {name: getattr(model.item_weights, name).cpu().contiguous() for name in ("item", "column", "value")}
        save_file(parts | {"column": parts["column"].int()}, inner / "item_weights.safetensors")
    if model.search is not None:
        parts = {name: value.detach().cpu().contiguous() for name, value in model.search.tensors().items()}
        save_file(parts, inner / "search.safetensors")
    histories = model.histories
    arrays = {"start": histories.start, "item_index": histories.item_index, "event_index": histories.event_index}
    arrays |= {"timestamp": histories.timestamp, "profile": model.profile}
    save_file(
        {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in arrays.items()},
        inner / "histories.safetensors",
    )
    if model.shown is not None:
        log = {part.name: torch.from_numpy(getattr(model.shown, part.name)) for part in fields(model.shown)}
        save_file(log, inner / "shown.safetensors")
    _write_graph(model.graph, inner)
    if model.propagation is not None:
        _write_propagation(model.propagation, inner)
    _write_json(
        inner / "ids.json",
        {"users": model.users.ids.to_list(), "items": model.items.ids.to_list(), "titles": model.titles.to_list()},
    )
    manifest = {
        "format": FORMAT,
        "files": name,
        "holds": sorted(file.name for file in inner.iterdir()),
        "config": model.config.to_dict(),
        "click_basis": model.click_basis,
        "ordered": histories.ordered,
        "profile_columns": model.profile_columns.to_list(),
        "item_weights": None if model.item_weights is None else {"recency": model.item_weights.recency},
        "item_share": model.item_share,
        "scoring": None if model.scoring is None else model.scoring.settings(),
        "search": None if model.search is None else model.search.weights,
        "about": model.about,
    }
    for file in inner.iterdir():
        shutil.copymode(inner / "ids.json", file)  # safetensors lets nobody else read, whatever the umask
        _flush(file)
    _write_json(folder / f"{MANIFEST}.part", manifest)
    _flush(folder / f"{MANIFEST}.part")
    (folder / f"{MANIFEST}.part").replace(folder / MANIFEST)
    for old in folder.glob(_PREFIX + "[0-9a-f]" * _DIGITS):  # nothing of the user's
        if old.name != name and old.is_dir() and not (old / MANIFEST).exists():
            shutil.rmtree(old, ignore_errors=True)


def load_model(folder: Path, device: torch.device) -> FittedModel:
    """Read what `save_model` wrote; where it writes again meanwhile, what is new.

    Raises
    ------
    SavedModelError
        If the folder is not a saved model, is damaged, or is of another format.
    """
    manifest = _manifest(folder)
    while True:
        try:
            return _read_model(folder, manifest, device)
        except SavedModelError:
            before, manifest = manifest, _manifest(folder)
            if manifest == before:
                raise


def _read_model(folder: Path, manifest: dict[str, Any], device: torch.device) -> FittedModel:
    inner = folder / str(manifest.get("files", ""))
    missing = [name for name in manifest.get("holds", ()) if not (inner / name).is_file()]
    if missing:
        raise SavedModelError(f"{folder} is a damaged model: {list_first(missing)} is not in {inner.name}")
    try:
        config = RecommenderConfig.from_dict(manifest["config"])
        ids = json.loads((inner / "ids.json").read_text("utf-8"))
        items = Vocabulary(ids["items"])
        weights = _load(inner / "weights.safetensors")
        arrays = {key: value.numpy() for key, value in load_file(inner / "histories.safetensors").items()}
        columns = ProfileColumns.from_list(manifest["profile_columns"])
        state = {key.removeprefix("network."): value for key, value in weights.items() if key.startswith("network.")}
        network = serving_network(config, len(items), columns.size, state)
        vectors = ItemVectors(*(weights[f"items.{part}"].to(device) for part in ("source", "target", "bias")))
        return FittedModel(
            config=config,
            users=Vocabulary(ids["users"]),
            items=items,
            titles=pl.Series(ids["titles"], dtype=pl.String),
            histories=Histories(**arrays, ordered=bool(manifest["ordered"]), user=np.arange(len(arrays["start"]) - 1)),
            profile_columns=columns,
            network=network.to(device),
            vectors=vectors,
            graph=_read_graph(inner),
            propagation=_read_propagation(inner),
            click_basis=manifest["click_basis"],
            item_weights=_read_item_weights(inner, manifest["item_weights"], len(items), device),
            item_share=float(manifest["item_share"]),
            shown=_read_shown(inner),
            scoring=_read_scoring(weights, manifest["scoring"], device),
            search=_read_search(inner, manifest["search"], device),
            prior=weights["items.prior"].to(device) if "items.prior" in weights else None,
            cold=weights["items.cold"].numpy() if "items.cold" in weights else None,
            repeats=_read_repeats(weights),
            about=manifest["about"],
        )
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError, ConfigError, GraphError) as error:
        raise SavedModelError(f"{folder} is a damaged model: {type(error).__name__}: {error}") from error


def _load(file: Path, device: str = "cpu") -> dict[str, Tensor]:
    """The tensors of a file, where torch would put new ones: at other addresses products differ in the last bit."""
    return {name: value.clone() for name, value in load_file(file, device=device).items()}


def _read_item_weights(
    folder: Path, settings: dict[str, Any] | None, num_items: int, device: torch.device
) -> ItemWeights | None:
    if settings is None:
        return None
    parts = _load(folder / "item_weights.safetensors")
    recency = float(settings["recency"])
    return ItemWeights(parts["item"], parts["column"].long(), parts["value"], num_items, recency).to(device)


def _read_repeats(weights: dict[str, Tensor]) -> RepeatWeights | None:
    parts = {name: weights[f"repeats.{name}"].numpy() for name in ("weight", "rate") if f"repeats.{name}" in weights}
    return RepeatWeights(**parts) if parts else None


def _read_scoring(
    weights: dict[str, Tensor], settings: dict[str, Any] | None, device: torch.device
) -> ScoringModule | None:
    if settings is None:
        return None
    state = {key.removeprefix("scoring."): value for key, value in weights.items() if key.startswith("scoring.")}
    return ScoringModule(
        names=tuple(settings["names"]),
        network=ScoringNetwork.like(state).to(device),
        slope=float(settings["slope"]),
        shift=float(settings["shift"]),
        converts=bool(settings["converts"]),
        rates=None if settings["rates"] is None else ClickRates.from_dict(settings["rates"]),
    )


def _read_shown(folder: Path) -> Shown | None:
    file = folder / "shown.safetensors"
    if not file.is_file():
        return None
    parts = {key: value.numpy() for key, value in load_file(file).items()}
    return Shown(**parts | {"item_index": parts["item_index"].astype(np.int32)})


def _read_search(folder: Path, weights: dict[str, Any] | None, device: torch.device) -> SearchSettings | None:
    if weights is None:
        return None
    return SearchSettings.of(weights, _load(folder / "search.safetensors", str(device)))


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    if not file.is_file():
        found = "the folder does not exist" if not folder.exists() else f"it holds no {MANIFEST}"
        raise SavedModelError(f"{folder} is not a saved model: {found}; save one with KGRecommender.save(folder)")
    try:
        manifest: dict[str, Any] = json.loads(file.read_text("utf-8"))
        version = manifest["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise SavedModelError(f"{folder} is not a saved model: {MANIFEST} can't be read ({error})") from error
    if version != FORMAT:
        raise SavedModelError(f"{folder} has format {version}, this kgrec reads format {FORMAT}: fit and save again")
    return manifest


def _write_graph(graph: KnowledgeGraph, folder: Path) -> None:
    nodes = {
        label: {"types": _types(table), "columns": table.to_dict(as_series=False)}
        for label, table in graph.nodes.items()
    }
    edges, tensors = [], {}
    for place, (edge_type, table) in enumerate(graph.edges.items()):
        extra = table.drop(HEAD_ID, TAIL_ID)
        edges.append({"type": list(edge_type), "types": _types(extra), "columns": extra.to_dict(as_series=False)})
        tensors[str(place)] = torch.from_numpy(np.ascontiguousarray(graph.edge_index(edge_type)))
    _write_json(folder / "graph.json", {"nodes": nodes, "edges": edges})
    save_file(tensors, folder / "graph.safetensors")


def _read_graph(folder: Path) -> KnowledgeGraph:
    tables = json.loads((folder / "graph.json").read_text("utf-8"))
    tensors: dict[str, Tensor] = load_file(folder / "graph.safetensors")
    nodes = {label: _table(table) for label, table in tables["nodes"].items()}
    edges = {}
    for place, table in enumerate(tables["edges"]):
        head, relation, tail = table["type"]
        index = tensors[str(place)].numpy()
        ends = {HEAD_ID: nodes[head][ID].gather(index[0]), TAIL_ID: nodes[tail][ID].gather(index[1])}
        edges[head, relation, tail] = pl.DataFrame(ends).hstack(_table(table))
    return KnowledgeGraph(nodes, edges)


def _write_propagation(propagation: Propagation, folder: Path) -> None:
    labels = list(propagation.inputs)
    tensors = {f"inputs.{place}": propagation.inputs[label] for place, label in enumerate(labels)}
    tensors |= {name: kept for name in ("text", "said") if (kept := getattr(propagation, name)) is not None}
    for place, layer in enumerate(propagation.layers):
        tensors |= {f"weight.{place}": layer.weight, f"gate.{place}": layer.gate}
    about = {
        "ids": {label: propagation.ids[label].ids.to_list() for label in labels},
        "layers": [layer.directions for layer in propagation.layers],
    }
    _write_json(folder / "propagation.json", about)
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "propagation.safetensors")


def _read_propagation(folder: Path) -> Propagation | None:
    if not (folder / "propagation.json").is_file():
        return None
    about = json.loads((folder / "propagation.json").read_text("utf-8"))
    tensors = _load(folder / "propagation.safetensors")
    layers = []
    for place, directions in enumerate(about["layers"]):
        made = tuple(((head, relation, tail), against) for (head, relation, tail), against in directions)
        layers.append(PropagationLayer(made, tensors[f"weight.{place}"], tensors[f"gate.{place}"]))
    ids = {label: Vocabulary(pl.Series(found, dtype=pl.String)) for label, found in about["ids"].items()}
    inputs = {label: tensors[f"inputs.{place}"] for place, label in enumerate(ids)}
    return Propagation(ids, inputs, tensors.get("text"), tensors.get("said"), tuple(layers))


_TYPES = {
    "String": pl.String(),
    "Int64": pl.Int64(),
    "Float64": pl.Float64(),
    "Boolean": pl.Boolean(),
    "List(String)": pl.List(pl.String),
}


def _types(table: pl.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in table.schema.items()}


def _table(table: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(table["columns"], schema={name: _TYPES[text] for name, text in table["types"].items()})


def _write_json(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, ensure_ascii=False), "utf-8")


def _flush(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
