#!/bin/sh
# Makes the secrets of an installation, each in a file of its own: sh deploy/make-secrets.sh [FOLDER]
# The folder is deploy/secrets, or the one that is named. What is there already stays as it is.
set -eu
folder=${1:-"$(dirname "$0")/secrets"}
umask 077
mkdir -p "$folder"

make() {
    [ -s "$folder/$1" ] || printf '%s' "$2" >"$folder/$1"
}

random() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

for name in API_KEY JWT_SECRET_KEY ADMIN_PASSWORD WORKER_TOKEN GATEWAY_TOKEN POSTGRES_PASSWORD REDIS_PASSWORD; do
    make "$name" "$(random)"
done
make DATABASE_URL "postgresql://switchyard:$(cat "$folder/POSTGRES_PASSWORD")@postgres:5432/switchyard"
make REDIS_URL "redis://:$(cat "$folder/REDIS_PASSWORD")@valkey:6379/0"
# Containers, into which each file is mounted by itself, read it as another user; the folder keeps all others out.
chmod 0444 "$folder"/*
chmod 0700 "$folder"
echo "secrets: $folder"
