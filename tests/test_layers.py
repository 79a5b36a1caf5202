"""A stage imports only the stages above it, and each heavy package is imported in one place."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from kgrec.recommender import KGRecommender
from tests.tiny import SMALL, checkerboard

PACKAGE = Path(__file__).parents[1] / "kgrec"
LAYERS = [
    "data",
    "graph",
    "tensors",
    "encoders",
    "models",
    "training",
    "scoring",
    "ranking",
    "search",
    "explain",
    "inputs",
    "reviews",
    "evaluating",
    "blending",
    "learning",
    "updating",
    "answers",
    "recommender",
    "comparison",
]
SIDES = {
    "evaluation": ["data", "graph"],
    "baselines": ["data", "graph", "tensors", "models", "ranking", "encoders", "evaluation"],
    "testing": ["data", "graph"],
    "experiment": ["data"],
}
COMMON = {"errors", "config", "progress", "columns"}
ONE_PLACE = ["neo4j", "networkx", "lightning_fabric"]
ONLY_INSIDE = ["matplotlib", "mlflow", "wandb", "tensorboard", "pyarrow"]  # optional or slow: imported where used
ONE_FOLDER = {"rdflib": "graph/rdf", "pyshacl": "graph/rdf", "transformers": "encoders"}


def _imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def _type_only(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for part in node.body:
                if isinstance(part, ast.ImportFrom) and part.module:
                    found |= {part.module, *(f"{part.module}.{name.name}" for name in part.names)}
    return found


def _stage(module: str) -> str:
    return module.split(".")[1]


MODULES = sorted(file for file in PACKAGE.rglob("*.py") if file.parent != PACKAGE or file.stem in LAYERS)


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_module_imports_only_stages_above_its_own(file: Path) -> None:
    own = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    above = SIDES[own] if own in SIDES else [*LAYERS[: LAYERS.index(own) + 1], *SIDES]
    if own in LAYERS and LAYERS.index(own) < LAYERS.index("evaluating"):
        above = [stage for stage in above if stage not in SIDES]
    used = {_stage(name) for name in _imports(file) - _type_only(file) if name.startswith("kgrec.")}
    known = {*LAYERS, *SIDES}
    hub = {"graph"} if file.name == "knowledge_graph.py" else set()
    assert {stage for stage in used if stage in known} - {own} - set(above) - hub == set()


@pytest.mark.parametrize("name", ONE_PLACE)
def test_heavy_package_is_imported_in_at_most_one_module(name: str) -> None:
    users = [file for file in PACKAGE.rglob("*.py") if any(part.split(".")[0] == name for part in _imports(file))]
    assert len(users) <= 1


@pytest.mark.parametrize("name", ONLY_INSIDE)
def test_optional_package_is_imported_inside_functions_only(name: str) -> None:
    for file in PACKAGE.rglob("*.py"):
        top = [
            node for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert not [node for node in top if name in ast.unparse(node)]


@pytest.mark.parametrize("name", ONE_FOLDER)
def test_heavy_package_is_imported_in_its_folder_only(name: str) -> None:
    users = [file for file in PACKAGE.rglob("*.py") if any(part.split(".")[0] == name for part in _imports(file))]
    assert users
    assert {file.parent for file in users} == {PACKAGE / ONE_FOLDER[name]}


def test_import_kgrec_loads_nothing_heavy() -> None:
    code = "import sys, kgrec; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "polars", "numpy", "neo4j", "transformers", "networkx", "torch_geometric"} & set(loaded)


def test_serving_does_not_load_torch_geometric(tmp_path: Path) -> None:
    fitted = KGRecommender(SMALL, device="cpu").fit(checkerboard())
    fitted.save(tmp_path)
    code = f"""import sys, kgrec
model = kgrec.KGRecommender.load({str(tmp_path)!r}, device="cpu")
model.recommend(["u00"], k=2, filters={{"brand": "Odd"}}), model.explain("u00", "i01"), model.similar_items(["i00"])
model.profile("u00"), model.complements(["i00"])
model.search("red thing under 5", user_id="u00")
print(*sorted({{"torch_geometric", "transformers", "neo4j"}} & set(sys.modules)))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.split()


def test_data_and_graph_do_not_load_torch() -> None:
    code = (
        "import sys, kgrec; kgrec.read_dataset; kgrec.KnowledgeGraph; kgrec.open_graph; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
