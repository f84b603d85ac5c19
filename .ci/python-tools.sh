#!/usr/bin/env bash
# python-tools.sh FOLDER: puts the newest Chroma server, cfn-lint and the vector stores that layouts are for into a virtual
# environment in FOLDER.
set -euo pipefail
folder=$1

# Pinned, so that a landing does not fail for a release of the day; raised by hand.
packages=(chromadb==1.5.9 cfn-lint==1.58.0 langchain-postgres==0.0.19 llama-index-vector-stores-postgres==0.9.0)

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
python3 -m venv "$folder" 2>/dev/null || {
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends python3-venv >/dev/null
  python3 -m venv --clear "$folder"
}
"$folder/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"

# The last servers of the two series before 1.0, each in FOLDER/chroma-VERSION: their dependencies are not those above.
for version in 0.5.23 0.6.3; do
  python3 -m venv "$folder/chroma-$version"
  "$folder/chroma-$version/bin/pip" install --quiet --disable-pip-version-check "chromadb==$version"
done
