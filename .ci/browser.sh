#!/usr/bin/env bash
# Installs Chromium, where it is missing. For a system with apt; run as root or by someone who may sudo.
set -euo pipefail
! command -v chromium >/dev/null || exit 0
command -v apt-get >/dev/null || { echo 'browser.sh: there is no apt here: install Chromium by hand.' >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
as_root apt-get update -qq
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
