# Two commands: `make demo` and `make test`. Each sets up what it needs, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := demo-work
TORTURED := tests/faults tests/rows/test_any_input.py tests/benchmarks

.PHONY: demo test torture audit quick lint schemas sample bench gpu-check clean

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(READY)  ## embed, arrange and train-check on sample_data/
	$(BIN)/tma-prep embed --train sample_data/train.jsonl --test sample_data/test.json --out $(DEMO)
	$(BIN)/tma-prep arrange $(DEMO) --order nft --order rt --order fft
	$(BIN)/tma-prep train-check $(DEMO) --order nft --order rt --order fft --quick

test: lint  ## everything CI runs
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

torture: $(READY)  ## what damages, kills and starves, at full length: a quarter of an hour
	TORTURE=1 $(BIN)/python -m pytest -q -n 2 $(TORTURED)

audit:  ## known faults of the versions in constraints.txt, where their database can be reached
	test -x $(VENV)/audit/bin/pip-audit || $(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet pip-audit
	$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2

quick: $(READY)  ## the inner loop: no model is loaded, nothing is trained
	$(BIN)/python -m pytest -q -x -m 'not slow'

schemas: $(READY)  ## the JSON Schema of every manifest
	$(BIN)/python -m tma_prep_schemas schemas/json

sample: $(READY)  ## sample_data/, from its generator
	$(BIN)/python sample_data/generate.py

bench: $(READY)  ## every benchmark at full size, one table on stdout: some minutes, 4 GB of disk
	$(BIN)/python -m benchmarks --full

gpu-check: $(READY)  ## the GPU paths against the CPU paths, on a CUDA card: one table on stdout
	$(BIN)/python -m benchmarks.gpu_check

clean:
	rm -rf $(DEMO)
