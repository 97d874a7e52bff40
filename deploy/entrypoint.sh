#!/bin/sh
# Gives the program its secrets, which stand in files (/run/secrets, one per variable), as the environment it reads.
set -eu
for file in "${SECRETS_DIR:-/run/secrets}"/*; do
    [ -f "$file" ] || continue
    name=$(basename "$file")
    case $name in *[!A-Z0-9_]*) continue ;; esac
    export "$name=$(cat "$file")"
done
exec "$@"
