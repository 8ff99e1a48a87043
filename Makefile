# Two commands are enough: 'make grade' and 'make test'. Both set everything up first.
PYTHON ?= python3
ENV ?= .venv
RUN = $(ENV)/bin/python
TESTS ?=  # files to run, all if none are named
TORCH_INDEX ?=  # the address of PyTorch's builds for CPUs, some gigabytes smaller; what the package index offers if it is empty
NO_VENV = '$(PYTHON) -m venv' failed: Debian and Ubuntu have it in a package of its own, apt install python3-venv; then run make again

.PHONY: grade test test-all lint setup clean

grade: setup
	$(RUN) grade.py

test: $(ENV)/.cluster
	$(RUN) -m pytest -m "not long" $(TESTS)

test-all: $(ENV)/.browser
	$(RUN) -m pytest $(TESTS)

lint: $(ENV)/.lint
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

setup: $(ENV)/.ready

$(ENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "Python 3.11 or newer is needed, this is %d.%d: make PYTHON=python3.12 ..." % v[:2])'
	@$(RUN) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(ENV) || { echo "$(NO_VENV)" >&2; exit 1; }
	$(if $(TORCH_INDEX),$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt --index-url '$(TORCH_INDEX)' torch)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[packages,kit,test]'
	@touch $@

$(ENV)/.cluster: $(ENV)/.ready
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[packages,kit,test,cluster]'
	@touch $@

$(ENV)/.browser: $(ENV)/.cluster
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[packages,kit,test,browser,cluster]'
	@touch $@

$(ENV)/.lint: $(ENV)/.ready
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[packages,kit,test,lint]'
	@touch $@

clean:
	rm -rf $(ENV) reports build dist
