# vLLM with what Aloud needs of it: audio extras, chat templates, a health check. No model is inside. Build it in the repository's root:
#   docker build -f deploy/vllm.Dockerfile --target vllm -t aloud/vllm:0.32.0 .
#   docker build -f deploy/vllm.Dockerfile --target stepfun -t aloud/vllm-stepfun:20250909 .
# Which model needs which target: gateway/src/plan/models.ts. Weights and compiled kernels go to /var/cache: mount volumes there.
ARG VLLM_VERSION=0.32.0
ARG STEPFUN_IMAGE=stepfun2025/vllm:step-audio-2-v20250909

# Every model of the plan but Step-Audio-R1: upstream has had the classes of all of them since 0.28 at the latest.
FROM vllm/vllm-openai:v${VLLM_VERSION} AS vllm
ARG VLLM_VERSION
# The same release again, with the extras that the official image leaves out: nothing but audio libraries may change.
RUN uv pip install --system --no-cache "vllm[audio]==${VLLM_VERSION}"
COPY engine/src/vllm/templates /etc/aloud/templates
ENV HF_HOME=/var/cache/huggingface VLLM_CACHE_ROOT=/var/cache/vllm VLLM_NO_USAGE_STATS=1
# A volume takes over who owns the folder that it is mounted on. The user is in the base image.
RUN install -d -o 2000 -g 0 -m 775 "$HF_HOME" "$VLLM_CACHE_ROOT"
USER 2000:0
EXPOSE 8000
# Loading and compiling a large model takes minutes, downloading it longer.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60m --retries=6 \
  CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["vllm", "serve"]

# Step-Audio-R1 and R1.1: StepFun's vLLM 0.10.1.1, which hears audio already. Its entry point and its user stay as StepFun documents them.
FROM ${STEPFUN_IMAGE} AS stepfun
COPY engine/src/vllm/templates /etc/aloud/templates
ENV HF_HOME=/var/cache/huggingface VLLM_CACHE_ROOT=/var/cache/vllm VLLM_NO_USAGE_STATS=1
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60m --retries=6 \
  CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
