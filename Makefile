# Two words for a new user: `make run` starts everything on this machine, `make test` proves that it works.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Node comes from PyPI with the virtual environment; npm must use that one.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" scripts/quietly.sh npm
# Shows what is being installed on one line of a terminal, and all of the end when it fails.
PIP_INSTALL := -m pip install --disable-pip-version-check --progress-bar off
CHP_VERSION := 5.3.0
OIDC_PROVIDER_VERSION := 9.13.3
CODE_SERVER_VERSION := 4.139.1
CACHE ?= $(HOME)/.cache/ovh-spawner

.PHONY: help run setup vscode images images-pins test-images test test-hub5 test-long test-browser test-cluster cluster-tools cluster test-postgresql check format bench reliability reliability-cluster clean distclean

help:  ## show this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup  ## start hub, service and a demo data store; Ctrl-C ends them
	@$(BIN)/ovh-spawner local --settings local-settings.yaml $(ARGS)

setup: $(VENV)/.ready-run .tools/node/.ready-$(CHP_VERSION) .tools/environments/conda/.ready

$(VENV)/bin/python:
	@echo "==> Making a virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is %d.%d. Name another one: make PYTHON=python3.12 run" % sys.version_info[:2])'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.ready-run: pyproject.toml constraints/run.txt | $(VENV)/bin/python
	@echo "==> Installing Python packages (a few minutes the first time)"
	@scripts/quietly.sh $(BIN)/python $(PIP_INSTALL) -c constraints/run.txt -e '.[local]'
	@touch $@

$(VENV)/.ready-test: $(VENV)/.ready-run constraints/test.txt
	@echo "==> Installing what the tests need"
	@scripts/quietly.sh $(BIN)/python $(PIP_INSTALL) -c constraints/run.txt -e '.[local,kubernetes]' -r constraints/test.txt
	@touch $@

# A real OpenID provider, for the tests of signing in.
.tools/test-node/.ready-$(OIDC_PROVIDER_VERSION): | $(VENV)/.ready-run
	@mkdir -p .tools/test-node
	@$(NPM) install --loglevel=error --no-package-lock --no-save --prefix .tools/test-node oidc-provider@$(OIDC_PROVIDER_VERSION)
	@touch $@

.tools/node/.ready-$(CHP_VERSION): | $(VENV)/.ready-run
	@echo "==> Installing JupyterHub's proxy"
	@mkdir -p .tools/node
	@$(NPM) install --loglevel=error --no-package-lock --no-save --prefix .tools/node configurable-http-proxy@$(CHP_VERSION)
	@touch $@

# The framework environment "Miniconda": plain Python with a kernel. What a notebook installs goes into its own home.
.tools/environments/conda/.ready: | $(VENV)/.ready-run
	@echo "==> Making the plain Python environment for notebooks"
	@$(BIN)/python -m venv --system-site-packages .tools/environments/conda
	@scripts/quietly.sh .tools/environments/conda/bin/python $(PIP_INSTALL) --ignore-installed -c constraints/run.txt ipykernel pip
	@# With this environment's own Python by its full path: by name, JupyterLab would take the one it runs on itself.
	@.tools/environments/conda/bin/python -m ipykernel install --sys-prefix --display-name 'Python 3' >/dev/null
	@touch $@

vscode: $(VENV)/.ready-run  ## install VS Code (code-server) into the checkout; takes about five minutes
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/install-vscode.sh $(CODE_SERVER_VERSION) "$(CACHE)"

TEST_TOOLS := $(VENV)/.ready-test .tools/test-node/.ready-$(OIDC_PROVIDER_VERSION)

# Root, with Debian's buildah and mmdebstrap. What a machine without a conda channel can build: INSTALLER=plain.
INSTALLER ?= conda
images: vscode  ## build the container images; ARGS names some of them, INSTALLER=plain does without conda
	@OVH_SPAWNER_CACHE="$(CACHE)" $(BIN)/python -m images --installer $(INSTALLER) $(ARGS)

images-pins: $(VENV)/.ready-run .tools/pins/.ready  ## ask the package index whether every framework's pins resolve
	@PATH="$(CURDIR)/.tools/pins/bin:$$PATH" $(BIN)/python -m images.pins $(ARGS)

.tools/pins/.ready: images/requirements-pins.txt
	@$(PYTHON) -m venv .tools/pins
	@scripts/quietly.sh .tools/pins/bin/python $(PIP_INSTALL) -r images/requirements-pins.txt
	@touch $@

test-images: vscode $(VENV)/.ready-test  ## build small images without conda, and try what is in them (root)
	@OVH_SPAWNER_CACHE="$(CACHE)" $(BIN)/python -m images --installer plain datasync gateway hub service ssh jupyterlab-conda vscode-conda
	@OVH_SPAWNER_CACHE="$(CACHE)" $(BIN)/python -m pytest tests/images --run-images $(ARGS)

test: setup $(TEST_TOOLS)  ## the fast tier: rules, service, real hub with real editors
	@$(BIN)/python -m pytest $(ARGS)

# Files that hold instances of minutes say so by the mark `long`; there they are run with their small ones.
test-long: setup $(VENV)/.ready-test  ## every kill at every moment, outages of minutes, large data; takes an hour or two
	@OVH_SPAWNER_LONG=1 $(BIN)/python -m pytest -m long $(ARGS)

test-hub5: setup $(TEST_TOOLS) .venv-hub5/.ready  ## the hub's tests and the journeys on JupyterHub 5
	@PATH="$(CURDIR)/.venv-hub5/bin:$$PATH" .venv-hub5/bin/python -m pytest tests/hub tests/journeys $(ARGS)

.venv-hub5/.ready: $(VENV)/.ready-test constraints/hub5.txt
	@echo "==> Making the environment with JupyterHub 5"
	@$(PYTHON) -m venv .venv-hub5
	@scripts/quietly.sh .venv-hub5/bin/python $(PIP_INSTALL) -c constraints/hub5.txt -e '.[local,kubernetes]' -r constraints/test.txt
	@touch $@

test-browser: setup $(TEST_TOOLS)  ## the story in a real Chromium
	@$(BIN)/python -m pytest tests/browser --run-browser $(ARGS)

test-cluster: cluster-tools  ## a real Kubernetes on this machine (root), or the one that KUBECONFIG names
	@$(BIN)/python -m pytest tests/cluster --run-cluster $(ARGS)

# Kubernetes is built from its Go modules the first time (about ten minutes), and kept in $(CACHE), as our images are.
cluster-tools: setup vscode $(VENV)/.ready-test
	@$(BIN)/python -m tests.cluster.machine build
	@$(BIN)/python -m tests.cluster.notebook_images

cluster: $(VENV)/.ready-test  ## run a Kubernetes on this machine until Ctrl-C (root); ARGS="--images --fake-nodes 20"
	@$(BIN)/python -m tests.cluster.machine run $(ARGS)

check: $(VENV)/.ready-test  ## formatting, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.ready-test  ## format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup $(VENV)/.ready-test .tools/bench/.ready  ## ratios to named peers, written to docs/benchmarks.md
	@$(BIN)/python -m bench $(ARGS)

# The peers live in an environment of their own: their pins would hold ours back.
.tools/bench/.ready: constraints/bench.txt
	@$(PYTHON) -m venv .tools/bench
	@scripts/quietly.sh .tools/bench/bin/python $(PIP_INSTALL) -r constraints/bench.txt
	@touch $@

# Every program is killed at every moment, on the real installation; the page is written when all of it held.
reliability: setup $(VENV)/.ready-test  ## kill everything at every moment, written to docs/reliability.md
	@rm -f .tools/reliability.jsonl
	@OVH_SPAWNER_LONG=1 OVH_SPAWNER_RELIABILITY_REPORT=$(CURDIR)/.tools/reliability.jsonl $(BIN)/python -m pytest tests/journeys/test_kills.py tests/journeys/test_outages.py $(ARGS)
	@$(BIN)/python docs/reliability.py local .tools/reliability.jsonl
	@rm -f .tools/reliability.jsonl

# The same on a real Kubernetes (root).
reliability-cluster: setup $(VENV)/.ready-test  ## break everything around pods, written to docs/reliability.md
	@rm -f .tools/reliability-cluster.jsonl
	@OVH_SPAWNER_LONG=1 OVH_SPAWNER_RELIABILITY_REPORT=$(CURDIR)/.tools/reliability-cluster.jsonl $(MAKE) test-cluster ARGS="-k 'misfortunes or losses or stops'"
	@$(BIN)/python docs/reliability.py kubernetes .tools/reliability-cluster.jsonl
	@rm -f .tools/reliability-cluster.jsonl

clean:  ## forget the state: notebooks, ledger, demo data, secrets
	rm -rf .local

distclean: clean  ## also remove everything that was installed into the checkout
	rm -rf .venv .venv-hub5 .tools .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
