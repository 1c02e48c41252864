#!/bin/sh
# `make backup STACK=compose`, and `restore`, `converge`: each service's own command, for all services of docker-compose.yml in turn.
# A container sees the secrets of its service only. Backups belong to whoever asks for them; a restore runs as the service does, whose keys
# it renews, on a copy that only this container can reach.
set -eu
services=${SERVICE:-auth posts social}

fail() { echo "make $what: $1" >&2; exit 1; }
once() { # USER SERVICE WORDS: in a container that ends with it; $folder is /backups there
    user=$1 service=$2
    shift 2
    ${COMPOSE:-docker-compose} run --rm --no-deps -T ${user:+--user "$user"} --volume "$folder:/backups" "$service-backup" "$@" ||
        fail "$service failed"
}

what=${1:-}
for each in $services; do
    case $each in auth|posts|social) ;; *) fail "SERVICE=$each has no database; those that have: auth, posts, social" ;; esac
done
case ${FORCE:-1} in 1) ;; *) fail "FORCE=$FORCE is not FORCE=1, which replaces what is in the databases" ;; esac
case $what in
backup)
    folder=${TO:-backups/$(date -u +%Y-%m-%dT%H%M%SZ)}
    mkdir -p "$folder" && chmod 700 "$folder" && folder=$(cd "$folder" && pwd)
    for each in $services; do once "$(id -u):$(id -g)" "$each" flask backup "/backups/$each.backup"; done
    echo "make backup: $folder is whole; keep it where only you can read it"
    ;;
restore)
    [ -n "${FROM:-}" ] || fail "say FROM=folder"
    for each in $services; do [ -e "$FROM/$each.backup" ] || fail "$FROM has no backup of $each"; done
    closed=$(mktemp -d "$(cd "$FROM" && pwd)/.restoring.XXXXXX")
    trap 'rm -rf "$closed"' EXIT
    folder=$closed/backups
    mkdir -m 777 "$folder" && chmod 777 "$folder"
    for each in $services; do
        cp "$FROM/$each.backup" "$folder" && chmod 644 "$folder/$each.backup"
        once "" "$each" flask restore "/backups/$each.backup" ${FORCE:+--force}
        rm -f "$folder/$each.backup"
    done
    echo "make restore: now start the blog, then: make converge STACK=compose"
    ;;
converge)
    for step in resend audit; do
        for each in $services; do
            ${COMPOSE:-docker-compose} exec -T "$each-worker" flask $step || fail "$each failed"
        done
    done
    ;;
*) fail "backup, restore or converge?" ;;
esac
