# make demo · make test · make lint · make test-slow · make bench. All run in .venv, which is made once.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-slow lint format bench shop clean

demo: $(READY)  ## the whole path on data/shop: graph, training, ranking, reasons, metrics
	$(RUN)/python scripts/demo.py

test: $(READY)  ## every test but the slow and the GPU ones, two at a time with one thread each
	OMP_NUM_THREADS=1 $(RUN)/python -m pytest -n 2 --dist loadgroup kgrec tests

test-slow: $(READY)  ## the slow ones
	$(RUN)/python -m pytest tests -m slow

lint: $(READY)  ## ruff and mypy
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

format: $(READY)
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

bench: $(READY)  ## accuracy on data/shop, beside simpler models
	$(RUN)/python scripts/benchmark.py --seeds 1

shop: $(READY)  ## make data/shop again
	$(RUN)/python scripts/make_shop.py

$(READY): pyproject.toml constraints.txt
	test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all,dev]"
	touch $(READY)

clean:
	rm -rf $(VENV)
