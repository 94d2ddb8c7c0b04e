#!/usr/bin/env bash
# Sees that a Docker Engine answers.
#
#   dev/docker.sh start       starts one, unless one answers already
#   dev/docker.sh stop        stops the one that was started by this, and no other
#   dev/docker.sh status      exits with 0 when one answers

set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"

# As an engine, this does not outlive a boot.
state=/run/rocket-launcher-dev
log=/var/log/rocket-launcher-dev-dockerd.log
patience=60

answers() { timeout 10 docker version >/dev/null 2>&1; }

# PID and start time, so that another process that got the number later is not taken for it.
identity() { awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null; }

is_ours() {
    local pid began
    [[ -r $state/dockerd ]] || return
    read -r pid began <"$state/dockerd"
    [[ -n $began && $(identity "$pid") == "$began" ]]
}

wait_until_it_answers() {
    local deadline=$((SECONDS + patience))
    until answers; do
        "$@" || return
        [[ $SECONDS -lt $deadline ]] || return
        sleep 0.1
    done
}

start() {
    have docker || fail 'there is no docker command; run dev/setup.sh test first'
    answers && return
    runs_systemd || [[ $(id -u) -eq 0 ]] ||
        fail 'no Docker Engine answers, and only root can start one; as root, run: dev/docker.sh start'
    as_root mkdir -p "$state"
    # Two at once: the second waits, and finds the engine of the first.
    exec 9<"$state"
    flock 9
    answers && return
    if runs_systemd && systemctl cat docker.service >/dev/null 2>&1; then
        start_with_systemd
    else
        start_daemon
    fi
}

start_with_systemd() {
    as_root systemctl start docker.service
    echo docker.service | as_root tee "$state/unit" >/dev/null
    wait_until_it_answers systemctl is-active -q docker.service ||
        fail "docker.service does not answer. Is this user in the group docker? See: systemctl status docker"
    say 'started docker.service'
}

start_daemon() {
    have dockerd || fail 'there is no Docker Engine; run dev/setup.sh test first'
    forget_stale_pid_file
    grep -qs docker0: /proc/net/dev || touch "$state/made-bridge"
    setsid dockerd >"$log" 2>&1 </dev/null 9<&- &
    local pid=$!
    echo "$pid $(identity "$pid")" >"$state/dockerd"
    wait_until_it_answers kill -0 "$pid" 2>/dev/null || {
        tail -n 20 "$log" >&2
        stop
        fail "the Docker Engine did not come up; its whole log is $log"
    }
    say "started dockerd (process $pid, log $log)"
}

# An engine that was killed leaves its number behind, and does not start while any process has it.
forget_stale_pid_file() {
    local pid_file=/var/run/docker.pid pid
    pid=$(cat "$pid_file" 2>/dev/null) || return 0
    [[ $(cat "/proc/$pid/comm" 2>/dev/null) == dockerd ]] || rm -f "$pid_file"
}

stop() {
    if [[ -e $state/unit ]]; then
        as_root systemctl stop docker.socket docker.service
    elif is_ours; then
        stop_daemon
    fi
    as_root rm -rf "$state"
}

stop_daemon() {
    local pid deadline=$((SECONDS + patience))
    read -r pid _ <"$state/dockerd"
    as_root kill "$pid"
    while is_ours; do
        [[ $SECONDS -lt $deadline ]] ||
            fail "dockerd (process $pid) was told to end $patience s ago and still runs; see $log"
        sleep 0.1
    done
    # The one thing that an engine does not take with it.
    if [[ -e $state/made-bridge ]] && have ip; then
        ip link delete docker0 2>/dev/null || true
    fi
}

case ${1-} in
    start) start ;;
    stop) stop ;;
    status) have docker && answers ;;
    *) fail 'usage: dev/docker.sh start | stop | status' ;;
esac
