# The two commands: `make reproduce` runs the main job, `make test` the whole test suite.
# Each makes .venv first if it is missing. Without a GPU, `make reproduce TORCH_BACKEND=cpu` installs
# the small build of torch.

PYTHON ?= python3
TORCH_BACKEND ?=
PROFILE ?= default
WORKERS ?= 2
COUNTS ?= nightly
VENV := .venv
BIN := $(VENV)/bin
# git's filter for notebooks, run in the top folder: no outputs, nothing an editor adds when it saves. Without .venv
# notebooks pass as they are.
EDITOR_KEYS := $(addprefix metadata.language_info.,codemirror_mode file_extension mimetype nbconvert_exporter \
	pygments_lexer version)
STRIP := if test -x $(BIN)/nbstripout; then $(BIN)/nbstripout --extra-keys "$(EDITOR_KEYS)"; else cat; fi
# What the thesis needs, as experiments/thesis/build.py names it too.
LATEX := latexmk texlive-latex-recommended texlive-latex-extra texlive-fonts-recommended texlive-science
BACKEND := $(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND))
# Every download is held to the hashes of constraints.txt. A build of torch from another index has others, so there
# torch and torchvision go without.
PINS := $(if $(TORCH_BACKEND),$(VENV)/constraints.txt,constraints.txt)

.PHONY: help install latex reproduce thesis test check bench lint readme constraints clean

help: ## show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(VENV)/installed ## create .venv and install everything, pinned

$(VENV)/installed: pyproject.toml constraints.txt
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/[^\]$$/p' constraints.txt >$(VENV)/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(VENV)/uv.txt
	sed -E '/^torch(vision)?==/,/[^\]$$/{s/ \\$$//;/--hash/d;}' constraints.txt >$(VENV)/constraints.txt
	$(BIN)/uv pip install --compile-bytecode --python $(BIN)/python $(BACKEND) -c $(PINS) -e ".[notebooks,dev,docs,browser,real,onnx,transformers]"
	if git rev-parse --git-dir >/dev/null 2>&1; then git config filter.nbstripout.clean '$(STRIP)'; fi
	touch $@

reproduce: install ## run notebooks 01 to 06: figures, tables, results
	$(BIN)/ptmrec --profile $(PROFILE) reproduce

thesis: install ## build artifacts/thesis/build/thesis.pdf from what make reproduce has made
	$(BIN)/ptmrec --profile $(PROFILE) thesis

# CI runs as root on Debian; elsewhere make thesis says what to install.
latex:
	command -v latexmk >/dev/null || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		$(LATEX) >/dev/null; }

test: install latex ## run the whole test suite, notebooks included
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
	if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then \
		OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/browser -m "not slow"; \
	else echo "not walked through notebook 00: chromium and chromedriver are not both here, see make test-browser"; fi

check: install ## lint and the fast tests: no notebooks, no zoo build, no killed process
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow"

# As root on Debian it installs Chromium; elsewhere the test says what to install.
.PHONY: test-browser
test-browser: install ## drive notebook 00 in JupyterLab with Chromium; takes the README's picture
	command -v chromedriver >/dev/null || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		chromium chromium-driver >/dev/null; }
	PICTURE=figures/readme_jupyterlab.png $(BIN)/python -m pytest tests/browser

.PHONY: test-slurm
test-slurm: install ## submit the jobs of cluster/ to a real SLURM on this machine (installs Debian's packages as root)
	cluster/check_slurm.sh

bench: install ## speed against peers and limits, in turns: a table and artifacts/results/bench.json
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -r pyproject.toml --extra bench
	$(BIN)/python -m benchmarks

.PHONY: torture
torture: install latex ## kills, faults, hostile input, then planted faults (forty minutes; COUNTS=release: a night)
	$(BIN)/python -m torture --counts $(COUNTS)
	$(BIN)/python -m torture planted

.PHONY: mutations
mutations: install ## change the package in one place at a time; a test has to notice (forty minutes)
	$(BIN)/python -m torture mutations

.PHONY: audit
audit: install ## look the pins up among known vulnerabilities; fails where no list of them can be reached
	$(BIN)/uv tool run pip-audit@2.10.1 -r constraints.txt --no-deps --disable-pip --strict || \
		{ echo "make audit: a pin has a known vulnerability, or could not be looked up (see above)" >&2; exit 1; }

.PHONY: docs
docs: install ## the pages as a site, artifacts/docs/html/index.html, with the notebooks of the last run
	$(BIN)/sphinx-build -q -W --keep-going -E -c docs -d artifacts/docs/doctrees . artifacts/docs/html

lint: install ## format and lint package, tests and notebooks
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

readme: install ## copy the last run's results and write them into README.md and docs
	$(BIN)/ptmrec readme --copy

constraints: install ## pin every version anew
	$(BIN)/uv pip compile --universal --generate-hashes --no-annotate --no-header pyproject.toml --all-extras -o constraints.txt

clean: ## remove what runs wrote (not the environment)
	rm -rf artifacts
