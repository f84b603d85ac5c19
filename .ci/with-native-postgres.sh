#!/usr/bin/env bash
# with-native-postgres.sh COMMAND…: runs the command with DATABASE_URL naming a throw-away PostgreSQL server with
# pgvector (a superuser with a password, database "vectors") and DATABASE_LOG its log, and ends the server whatever
# becomes of the command.
set -euo pipefail
[ $# -gt 0 ] || { echo 'usage: with-native-postgres.sh COMMAND…' >&2; exit 2; }

bin=$(find /usr/lib/postgresql -path '*/bin/postgres' 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || { echo 'with-native-postgres.sh: no PostgreSQL server here: run native-postgres.sh first.' >&2; exit 1; }
bin=${bin%/postgres}

# The server refuses to run as root; the package made a user for it.
if [ "$(id -u)" = 0 ]; then as_server() { runuser -u postgres -- "$@"; }; else as_server() { "$@"; }; fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/native-postgres.XXXXXX")
command_pid=''
stop() {
  local status=$?
  # Nothing of it is kept, so it need not shut down in peace.
  [ ! -f "$folder/data/postmaster.pid" ] || as_server "$bin/pg_ctl" stop -D "$folder/data" -m immediate -s || true
  rm -rf "$folder"
  exit "$status"
}
trap stop EXIT
# Someone who ends this script ends the command with it; `wait` then returns, and `stop` follows.
trap '[ -z "$command_pid" ] || kill "$command_pid" 2>/dev/null || true' INT TERM HUP

password=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" >"$folder/password"
[ "$(id -u)" != 0 ] || chown -R postgres "$folder"
as_server "$bin/initdb" -D "$folder/data" -U postgres -E UTF8 --locale=C --auth=scram-sha-256 \
  --pwfile="$folder/password" --no-sync >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; exit 1; }
# Parallel builds share maintenance_work_mem. A container's /dev/shm is often 64 MB; in a file of the disk, which the
# system writes back all the time, a build takes up to a sixth longer.
shared_memory=posix
[ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)" -ge 4000000 ] 2>/dev/null || shared_memory=mmap
as_server tee -a "$folder/data/postgresql.conf" >/dev/null <<SETTINGS
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
shared_buffers = 256MB
max_wal_size = 4GB
max_connections = 100
dynamic_shared_memory_type = $shared_memory
# It does not outlive the machine's power.
fsync = off
SETTINGS

# The port may be taken between the choice and the start: another one is tried then.
port=''
for _ in 1 2 3 4 5; do
  candidate=$((20000 + RANDOM % 12000))
  if as_server "$bin/pg_ctl" start -D "$folder/data" -o "-p $candidate" -l "$folder/server.log" -w -s 2>/dev/null; then
    port=$candidate
    break
  fi
done
[ -n "$port" ] || { cat "$folder/server.log" >&2; exit 1; }
PGPASSWORD=$password "$bin/createdb" -h 127.0.0.1 -p "$port" -U postgres vectors

export DATABASE_LOG="$folder/server.log"
export DATABASE_URL="postgres://postgres:$password@127.0.0.1:$port/vectors"
"$@" <&0 &
command_pid=$!
status=0
# A signal ends `wait` before the command has ended.
while wait "$command_pid" || status=$?; kill -0 "$command_pid" 2>/dev/null; do :; done
exit "$status"
