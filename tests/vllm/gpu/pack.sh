#!/usr/bin/env bash
# pack.sh OUT: everything that run.sh needs on a GPU machine without a network, in pieces that travel apart: vLLM, what it imports, node, the benchmark.
# For Linux on x86-64, Python 3.12 and PyTorch 2.11 with CUDA 13, and GPUs of the Hopper generation. Takes about 5 minutes; needs pip and xz.
set -euo pipefail
out=$1 version=0.22.1 python=3.12
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

platforms=()
for n in 35 34 31 28 27 26 24 17 12 5; do platforms+=(--platform "manylinux_2_${n}_x86_64"); done
for name in manylinux2014 manylinux2010 manylinux1; do platforms+=(--platform "${name}_x86_64"); done
fetch() {
  python3 -m pip download --disable-pip-version-check -qq --no-deps --only-binary=:all: --python-version "$python" --implementation cp \
    --abi "cp${python/./}" --abi abi3 --abi none "${platforms[@]}" --platform any "$@"
}
fetch --dest "$work/vllm" "vllm==$version"
python3 "$here/shrink_wheel.py" "$work"/vllm/*.whl "$out/vllm.tar.xz"

fetch --dest "$work/wheels" --requirement "$here/requirements.txt"
mkdir "$work/site"
for wheel in "$work"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$work/site"; done
# Names of countries in every language, and Mistral's tokenizers.
rm -rf "$work"/site/pycountry/locales "$work"/site/mistral_common/data/*.*
tar -C "$work/site" -cJf "$out/site.tar.xz" .

cp "$(node -p process.execPath)" "$work/node"
strip "$work/node" 2>/dev/null || true
tar -C "$work" -cJf "$out/node.tar.xz" node

(cd "$root" && npm run build --silent &&
  npx rolldown tests/vllm/gpu/bench.mjs --platform node --format esm --file "$out/bench.mjs" --log-level silent)
cp "$here/run.sh" "$here/floor.py" "$root/tests/vllm/make_tiny_model.py" "$out/"
ls -l "$out"
