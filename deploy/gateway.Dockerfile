# The gateway with nano inside. Build it in the repository's root:
#   docker build -f deploy/gateway.Dockerfile -t aloud .
# It writes nothing but /tmp: run it with --read-only --tmpfs /tmp. Others reach it, so it needs keys: mount the file of `aloud key`.
FROM node:22-slim AS build
WORKDIR /aloud
# onnxruntime-node's install script would download GPU libraries.
ENV ONNXRUNTIME_NODE_INSTALL=skip
COPY package.json package-lock.json tsconfig.json ./
COPY client-sdk client-sdk
COPY engine engine
COPY gateway gateway
COPY demo demo
RUN npm ci --no-audit --no-fund --loglevel=error
RUN npm run build --silent

FROM node:22-slim AS packages
WORKDIR /aloud
ENV ONNXRUNTIME_NODE_INSTALL=skip
COPY package.json package-lock.json ./
COPY client-sdk/package.json client-sdk/package.json
COPY engine/package.json engine/package.json
COPY gateway/package.json gateway/package.json
COPY demo/package.json demo/package.json
RUN npm ci --omit=dev --no-audit --no-fund --loglevel=error
# Libraries for other systems are most of what onnxruntime-node holds.
RUN find node_modules -path "*/onnxruntime-node/bin/napi-v*/*" -prune -not -name linux -exec rm -rf {} +

FROM node:22-slim
WORKDIR /aloud
COPY --from=packages /aloud .
COPY --from=build /aloud/client-sdk/dist client-sdk/dist
COPY --from=build /aloud/engine/dist engine/dist
COPY --from=build /aloud/gateway/dist gateway/dist
COPY --from=build /aloud/demo/dist demo/dist
COPY engine/models engine/models
COPY engine/src/vllm/templates engine/src/vllm/templates
COPY gateway/bin gateway/bin
COPY LICENSE LICENSE
ENV NODE_ENV=production ALOUD_HOST=0.0.0.0 ALOUD_PORT=7860 ALOUD_KEYS=/etc/aloud/keys.json
# Where keys lie. A volume that is mounted here takes over who owns it; `aloud key` writes as the image's user (node).
RUN install -d -o 1000 -g 1000 -m 750 /etc/aloud
USER 1000:1000
EXPOSE 7860
# Whether the process answers; whether it can serve is /readyz. A model that loads is no reason to restart it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.ALOUD_PORT}/healthz`).then((r) => process.exit(Number(!r.ok)), () => process.exit(1))"]
# Longer than ALOUD_DRAIN_MS (30 s): `docker stop --time 45`. SIGTERM reaches node itself, since no shell stands between.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "gateway/bin/aloud.js"]
CMD ["serve"]
