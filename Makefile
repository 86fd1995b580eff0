# make demo: install, then the main job on a year of a real grocer's purchases.   make test: install, then all tests.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := demo-run

.PHONY: demo test lint clean

demo: $(VENV)/.demo
	$(BIN)/shelfspace demo $(RUN)/shop
	$(BIN)/shelfspace check $(RUN)/shop/shop.toml --out $(RUN)/check
	$(BIN)/shelfspace train $(RUN)/shop/shop.toml --out $(RUN)
	$(BIN)/shelfspace recommend $(RUN) 1 --k 5
	$(BIN)/shelfspace recommend $(RUN) --all --k 10 --to $(RUN)/recommendations.parquet
	$(BIN)/shelfspace export $(RUN) --to $(RUN)/vectors.parquet
	@echo "Open $(RUN)/report.html (how good, beside plain baselines) and $(RUN)/check/check.html (what the data holds)."

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/.dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -e ".[demo,train]"
	@touch $@

$(VENV)/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -e ".[demo,train,rank,text,image,dev]"
	@touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) $(RUN)
