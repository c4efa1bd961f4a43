#!/usr/bin/env bash
# Back up and restore everything that a stack keeps, volume by volume, while it is down.
#
#   deploy/volumes.sh backup FOLDER      write FOLDER/<volume>.tar.gz and FOLDER/SHA256SUMS
#   deploy/volumes.sh restore FOLDER     into a project without volumes; refuses to overwrite any
#
# COMPOSE_PROJECT_NAME (default: penstock) says which stack, PENSTOCK_IMAGE (default: penstock) what tar runs in.
# Log, session and database must be of one moment: a log that ends before its witness is refused at the start.
set -euo pipefail

project=${COMPOSE_PROJECT_NAME:-penstock} image=${PENSTOCK_IMAGE:-penstock}
fail() { printf 'volumes: %s\n' "$1" >&2; exit "${2:-1}"; }
[ $# = 2 ] || { sed -n '2,9p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 2; }

label=label=com.docker.compose.project=$project
[ -z "$(docker ps --quiet --filter "$label")" ] || fail "$project runs: docker compose down first" 73
in_image() { docker run --rm --user 0 --network none --entrypoint "$1" "${@:2}"; }

case $1 in
    backup)
        mkdir -p "$2" && folder=$(cd "$2" && pwd)
        volumes=$(docker volume ls --quiet --filter "$label" --format '{{.Label "com.docker.compose.volume"}}')
        [ -n "$volumes" ] || fail "$project has no volumes"
        for volume in $volumes; do
            in_image tar --volume "${project}_$volume:/from:ro" --volume "$folder:/to" "$image" \
                --create --gzip --numeric-owner --file "/to/$volume.tar.gz" --directory /from .
        done
        (cd "$folder" && sha256sum ./*.tar.gz >SHA256SUMS && du -ch ./*.tar.gz | tail -1)
        ;;
    restore)
        folder=$(cd "$2" && pwd)
        (cd "$folder" && sha256sum --quiet --check SHA256SUMS) || fail "$2 is not what was backed up"
        [ -z "$(docker volume ls --quiet --filter "$label")" ] || fail "$project has volumes: they are not overwritten" 73
        for file in "$folder"/*.tar.gz; do
            volume=$(basename "$file" .tar.gz)
            docker volume create --label "com.docker.compose.project=$project" \
                --label "com.docker.compose.volume=$volume" "${project}_$volume" >/dev/null
            in_image tar --volume "${project}_$volume:/to" --volume "$folder:/from:ro" "$image" \
                --extract --gzip --numeric-owner --same-permissions --file "/from/$volume.tar.gz" --directory /to
        done
        echo "restored $(find "$folder" -name '*.tar.gz' | wc -l) volumes of $project"
        ;;
    *) fail "backup or restore, not $1" 2 ;;
esac
