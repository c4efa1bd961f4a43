#!/bin/sh
# Runs a command as its container's service: passes SIGTERM on, and ends with the command's exit code.
#
# An engine's restart policy knows no exit codes. After one that says that a restart is no help (70: going on
# would be wrong, 71: another writer took over, 77: refused, 78: configuration) and with PENSTOCK_REFUSED=hold the
# container therefore stays, unhealthy, without the service, until somebody stops or restarts it; then it ends with
# that code.
set -u

stopping='' service='' held=''
stop() {
    stopping=yes
    if [ -n "$held" ]; then
        kill -KILL "$!" 2>/dev/null
        exit "$code"
    fi
    [ -z "$service" ] || kill -TERM "$service" 2>/dev/null
}
trap stop TERM INT

"$@" &
service=$!
[ -z "$stopping" ] || kill -TERM "$service" 2>/dev/null
wait "$service"
code=$?
# A signal's arrival ends `wait` before the service has ended.
while kill -0 "$service" 2>/dev/null; do
    wait "$service"
    code=$?
done

case $code in
    70 | 71 | 77 | 78) [ -z "$stopping" ] && [ "${PENSTOCK_REFUSED:-exit}" = hold ] || exit "$code" ;;
    *) exit "$code" ;;
esac

held=yes
rm -f "${PENSTOCK_HEALTH_FILE:-}"
printf '%s ended with exit code %s and is not started again: mend what it said, then restart this container\n' \
    "$*" "$code" >&2
while :; do
    sleep 86400 >/dev/null 2>&1 &
    wait "$!"
done
