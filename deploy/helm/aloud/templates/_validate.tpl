{{/* What values.schema.json cannot say: values that contradict one another. Each message says what to do. */}}
{{- define "aloud.validate" -}}
{{- $v := .Values }}
{{- if and $v.keys.existingSecret $v.keys.file }}
{{- fail "keys: give existingSecret or file, not both" }}
{{- end }}
{{- if $v.keys.file }}
{{- $file := $v.keys.file | fromJson }}
{{- if not (kindIs "slice" $file.keys) }}
{{- fail "keys.file: this is no keys file. Make one with `npx aloud key NAME --file keys.json`, give it with --set-file keys.file=keys.json" }}
{{- end }}
{{- if not $file.keys }}
{{- fail "keys.file: it holds no key, and nobody could connect. Make one with `npx aloud key NAME --file keys.json`" }}
{{- end }}
{{- end }}
{{- if not (include "aloud.guarded" .) }}
{{- $open := list }}
{{- if $v.ingress.enabled }}{{ $open = append $open "ingress.enabled" }}{{ end }}
{{- if $v.httpRoute.enabled }}{{ $open = append $open "httpRoute.enabled" }}{{ end }}
{{- if ne $v.service.type "ClusterIP" }}{{ $open = append $open "service.type" }}{{ end }}
{{- if $v.monitoring.serviceMonitor.enabled }}{{ $open = append $open "monitoring.serviceMonitor.enabled" }}{{ end }}
{{- if $v.autoscaling.enabled }}{{ $open = append $open "autoscaling.enabled" }}{{ end }}
{{- if gt (int $v.gateway.replicas) 1 }}{{ $open = append $open "gateway.replicas" }}{{ end }}
{{- if $open }}
{{- fail (printf "%s: the gateway lets nobody in without keys. Make one with `npx aloud key NAME --file keys.json`, give it with --set-file keys.file=keys.json (it holds hashes only), or name a Secret in keys.existingSecret" (join ", " $open)) }}
{{- end }}
{{- end }}
{{- if and $v.ingress.enabled $v.httpRoute.enabled }}
{{- fail "ingress.enabled and httpRoute.enabled: choose one" }}
{{- end }}
{{- if and $v.ingress.enabled (not $v.ingress.host) }}
{{- fail "ingress.host: expected the name under which clients reach the gateway" }}
{{- end }}
{{- if and $v.httpRoute.enabled (not $v.httpRoute.parentRefs) }}
{{- fail "httpRoute.parentRefs: expected the Gateway that the route belongs to, such as [{name: public, namespace: gateways}]" }}
{{- end }}
{{- if and $v.service.externalTrafficPolicy (eq $v.service.type "ClusterIP") }}
{{- fail "service.externalTrafficPolicy: only a Service of type NodePort or LoadBalancer has one" }}
{{- end }}
{{- if and $v.monitoring.serviceMonitor.enabled (not $v.monitoring.serviceMonitor.keySecret) }}
{{- fail "monitoring.serviceMonitor.keySecret: /metrics asks for a key. Make one that can do nothing else with `npx aloud key scraper --sessions 0 --file keys.json`, and put it in a Secret" }}
{{- end }}
{{- if and $v.monitoring.serviceMonitor.enabled $v.vllm.enabled $v.networkPolicy.enabled (not $v.monitoring.from) }}
{{- fail "monitoring.from: the NetworkPolicy lets only gateways reach vLLM. Say who scrapes it, such as [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]" }}
{{- end }}
{{- if and $v.autoscaling.enabled (gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) }}
{{- fail (printf "autoscaling: minReplicas (%d) exceeds maxReplicas (%d)" (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) }}
{{- end }}
{{- if and $v.vllm.enabled $v.vllm.urls }}
{{- fail "vllm: either enabled (the chart's own servers) or urls (others), not both" }}
{{- end }}
{{- if $v.vllm.enabled }}
{{- if not $v.vllm.model }}
{{- fail "vllm.model: expected a repository at Hugging Face, such as stepfun-ai/Step-Audio-R1.1; `npx aloud plan` says which one fits on your cards" }}
{{- end }}
{{- if not $v.vllm.image.repository }}
{{- fail "vllm.image.repository: expected a vLLM image with its audio extras (the official one has none; deploy/vllm.Dockerfile builds it), or StepFun's with server: stepfun" }}
{{- end }}
{{- if not (or $v.vllm.image.tag $v.vllm.image.digest) }}
{{- fail "vllm.image: expected a tag or a digest; servers of different versions do not share one model" }}
{{- end }}
{{- if and $v.vllm.chatTemplate (not (.Files.Get (printf "files/%s" $v.vllm.chatTemplate))) }}
{{- fail (printf "vllm.chatTemplate: the chart has no files/%s" $v.vllm.chatTemplate) }}
{{- end }}
{{- end }}
{{- end }}
