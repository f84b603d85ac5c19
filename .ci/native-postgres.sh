#!/usr/bin/env bash
# Installs a PostgreSQL server with pgvector, where they are missing. For Debian 12 and later, or another system
# with apt that packages postgresql-NN-pgvector. Run as root or by someone who may sudo. A second run changes nothing.
set -euo pipefail

# Debian 12 has no pgvector package; this later release's source builds against its server in seconds.
source_release=trixie

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
apt_install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@" >/dev/null; }
newest_server() { find /usr/lib/postgresql -path '*/bin/postgres' 2>/dev/null | sort -V | tail -n 1 | cut -d / -f 5; }
refuse() { echo "native-postgres.sh: $*" >&2; exit 1; }
# Set here and not where it is filled: the trap runs after that function has returned.
work=''
trap 'rm -rf "$work"' EXIT

# Downloads the distribution's source with lists of its own, so that the machine's stay as they are. apt checks the
# archive's signature and the file's hash.
build_pgvector() { # version of the server
  local major=$1 mirror
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1)
  [ -n "$mirror" ] || refuse "there is no package postgresql-$major-pgvector, and no Debian mirror to take its source from: install pgvector by hand."
  apt_install "postgresql-server-dev-$major" build-essential ca-certificates debian-archive-keyring
  work=$(mktemp -d)
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $source_release main" >"$work/sources.list"
  local apt=(apt-get -qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=-
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o "APT::Sandbox::User=$(id -un)")
  (
    cd "$work"
    "${apt[@]}" update
    "${apt[@]}" source --download-only pgvector
    tar -xzf pgvector_*.orig.tar.gz --one-top-level=pgvector --strip-components=1
    # Without -march=native: the result shall run on any machine of this kind.
    make -s -C pgvector OPTFLAGS="" PG_CONFIG="/usr/lib/postgresql/$major/bin/pg_config" >"$work/make.log" 2>&1 ||
      { cat "$work/make.log" >&2; exit 1; }
  )
  as_root make -s -C "$work/pgvector" OPTFLAGS="" PG_CONFIG="/usr/lib/postgresql/$major/bin/pg_config" install >/dev/null
}

command -v apt-get >/dev/null || refuse 'there is no apt here: install PostgreSQL and pgvector by hand.'
major=$(newest_server)
if [ -z "$major" ]; then
  as_root apt-get update -qq
  apt_install postgresql
  major=$(newest_server)
fi
if [ ! -f "/usr/share/postgresql/$major/extension/vector.control" ]; then
  as_root apt-get update -qq
  if apt-cache show "postgresql-$major-pgvector" >/dev/null 2>&1; then
    apt_install "postgresql-$major-pgvector"
  else
    build_pgvector "$major"
  fi
fi
version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "/usr/share/postgresql/$major/extension/vector.control")
echo "PostgreSQL $major with pgvector $version"
