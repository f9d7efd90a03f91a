#!/usr/bin/env bash
# serve.sh VENV MODEL_DIR PORT [further flags]: an unmodified vLLM on the CPU, with what Aloud asks of a server.
set -eu
venv=$1 model=$2 port=$3
shift 3
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1
# GiB of KV cache; and no pinning, since others use these cores as well.
export VLLM_CPU_KVCACHE_SPACE=1 VLLM_CPU_OMP_THREADS_BIND=nobind OMP_NUM_THREADS=1
export PATH=$venv/bin:$PATH
exec "$venv/bin/python" -m vllm.entrypoints.cli.main serve "$model" --served-model-name tiny-audio --host 127.0.0.1 --port "$port" \
  --dtype float32 --enforce-eager --max-model-len 4096 --max-num-seqs 16 --block-size 32 \
  --enable-prefix-caching --enable-prompt-tokens-details --limit-mm-per-prompt '{"audio":64}' \
  --scheduling-policy priority --reasoning-parser qwen3 --enable-auto-tool-choice --tool-call-parser hermes "$@"
