#!/usr/bin/env bash
# On the GPU machine, with the pieces of pack.sh beside this file (they may come one after the other):
#   run.sh take DIR            puts the pieces that are here into DIR
#   run.sh check DIR           says whether vLLM can be imported
#   run.sh serve DIR TP [..]   starts the server on TP GPUs, in the background; further flags go to `vllm serve`
#   run.sh bench DIR [..]      waits for the server and measures; further flags go to the benchmark
#   run.sh stop DIR
set -euo pipefail
verb=${1:-} dir=${2:-.}
shift $(($# < 2 ? $# : 2))
here=$(cd "$(dirname "$0")" && pwd)
port=8000
mkdir -p "$dir"/vllm "$dir"/site
dir=$(cd "$dir" && pwd)
# Behind what the machine has already: its PyTorch fits its transformers.
echo "$dir/site" >"$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/vllm-needs.pth"
export PYTHONPATH=$dir/vllm HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1

case $verb in
take)
  for piece in vllm site; do [ ! -e "$here/$piece.tar.xz" ] || tar -C "$dir/$piece" -xJf "$here/$piece.tar.xz"; done
  [ ! -e "$here/node.tar.xz" ] || tar -C "$dir" -xJf "$here/node.tar.xz"
  for file in bench.mjs floor.py make_tiny_model.py run.sh; do [ ! -e "$here/$file" ] || cp "$here/$file" "$dir/"; done
  ;;
check)
  python3 - <<'PYTHON'
import importlib
import torch
print("torch", torch.__version__, torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU")
for name in ("vllm._C", "vllm._C_stable_libtorch", "vllm.vllm_flash_attn._vllm_fa3_C", "vllm.entrypoints.openai.api_server", "vllm.v1.worker.gpu_worker",
             "vllm.model_executor.models.qwen2_audio"):
    try:
        importlib.import_module(name)
        print("ok  ", name)
    except Exception as error:
        print("FAIL", name, type(error).__name__, error)
PYTHON
  "$(command -v node || echo "$dir/node")" --version
  ;;
serve)
  tp=$1
  shift
  python3 "$dir/make_tiny_model.py" "$dir/model" --shape 33b
  # Without FlashInfer and DeepGEMM, which are not carried; NVLink multicast stays as the machine has it.
  export VLLM_USE_FLASHINFER_SAMPLER=0 VLLM_USE_DEEP_GEMM=0
  setsid python3 -m vllm.entrypoints.cli.main serve "$dir/model" --load-format dummy --served-model-name step-audio-r1-shape \
    --host 127.0.0.1 --port $port --tensor-parallel-size "$tp" --max-model-len 20480 --gpu-memory-utilization 0.95 --max-num-seqs 32 \
    --enable-prefix-caching --enable-prompt-tokens-details --limit-mm-per-prompt '{"audio":64}' --scheduling-policy priority "$@" \
    >"$dir/server.log" 2>&1 </dev/null &
  echo $! >"$dir/server.group"
  ;;
bench)
  for _ in $(seq 540); do
    if curl -fs "http://127.0.0.1:$port/health" >/dev/null; then break; fi
    if ! kill -0 -- "-$(cat "$dir/server.group")" 2>/dev/null; then
      tail -60 "$dir/server.log"
      exit 1
    fi
    sleep 1
  done
  grep -E "Model loading took|GPU KV cache size|init engine|Graph capturing" "$dir/server.log" || tail -60 "$dir/server.log"
  nvidia-smi --query-gpu=name,memory.total,memory.used --format=csv,noheader || true
  node=$(command -v node || echo "$dir/node")
  # Without answering ahead of the thought, which takes minutes: ask for it with --ahead.
  "$node" "$dir/bench.mjs" --url "http://127.0.0.1:$port" --ahead "" "$@"
  ;;
stop)
  group=$(cat "$dir/server.group")
  kill -- "-$group"
  for _ in $(seq 60); do kill -0 -- "-$group" 2>/dev/null || exit 0; sleep 1; done
  kill -KILL -- "-$group"
  ;;
*)
  sed -n '2,7s/^# *//p' "$0"
  exit 1
  ;;
esac
