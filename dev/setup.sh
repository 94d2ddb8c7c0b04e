#!/usr/bin/env bash
# Sees that what a part of the work needs is installed. Quick when it is; safe to repeat.
#
#   dev/setup.sh WHAT...      build | demo | test | fuzz | bench | lab |
#                             marathon-clients | jenkins-clients | fluent-clients | notify-clients | openid-clients | otlp-clients | bench-clients | grpc-clients
#
# On Debian and Ubuntu it installs what is missing. Elsewhere it says what to install, and fails.

set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"

declare -A missing=() # what it is → the packages that bring it

# need COMMAND WHAT PACKAGE...: unless there is such a command. Of PACKAGE|OTHER, the first that this
# system offers is taken.
need() {
    have "$1" || missing[$2]="${*:3}"
}

need_for_build() {
    need cc 'a C compiler (cc)' gcc libc6-dev
    [[ -f $root/web/package.json ]] || return 0
    need npm 'Node.js with npm' nodejs npm
}

need_for_docker() {
    need docker 'Docker: command line' 'docker-cli|docker.io'
    # An engine that answers may well run elsewhere.
    have dockerd || engine_answers || {
        need dockerd 'Docker: engine, 20.10 or newer' docker.io
        need iptables iptables iptables
        # Where the kernel has AppArmor switched on, no container starts without its tools.
        [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) != Y ]] ||
            need apparmor_parser 'AppArmor: tools' apparmor
    }
}

engine_answers() { have docker && timeout 10 docker version >/dev/null 2>&1; }

# The server runs it: it is what understands what people push.
need_for_git() {
    need git git git
}

need_for_test() {
    need ip 'iproute2 (ip)' iproute2
    need docker-registry 'a container registry (docker-registry)' docker-registry
    need htpasswd htpasswd apache2-utils
    # Webhooks are signed by another program than the one under test.
    need openssl OpenSSL openssl
    need nginx nginx 'nginx-light|nginx'
    # It need not run: this starts a program as its socket units do.
    need systemd-socket-activate 'systemd (systemd-socket-activate)' systemd
    # It scrapes what is served for it, and promtool says what it thinks of that.
    need promtool Prometheus prometheus
    # It runs checks, and says what it has understood of them.
    need nagios4 'Nagios (nagios4)' nagios4-core
    # One static program, of which test images are made.
    need busybox 'a static busybox' busybox-static
    need carbon-cache 'Graphite: carbon' graphite-carbon
    need graphite-manage 'Graphite: web application' graphite-web
    # Clients of HTTP/2 that others wrote.
    need curl curl curl
    need nghttp 'clients of HTTP/2 (nghttp, h2load)' nghttp2-client
    # Reads what the edge compresses.
    need zstd zstd zstd
    # Servers of IRC: one without accounts, one with.
    need ngircd ngIRCd ngircd
    # An authority that issues certificates, and the names that it knows.
    need pebble Pebble pebble
    need inspircd InspIRCd inspircd
    need atheme-services 'Atheme, services of IRC' atheme-services
    need_for_marathon_clients
    need_for_jenkins_clients
    need_for_fluent_clients
    need_for_openid_clients
    need_for_otlp_clients
    need_for_browser
}

need_for_browser() {
    have chromium-browser || need chromium Chromium 'chromium|chromium-browser'
    need chromedriver "Chromium's driver (chromedriver)" 'chromium-driver|chromium-chromedriver'
}

# Every host of a lab has an engine of its own, whatever engine answers here.
need_for_lab() {
    need dockerd 'Docker: engine, 20.10 or newer' docker.io
    need iptables iptables iptables
    need ip 'iproute2 (ip)' iproute2
    need unshare 'util-linux (unshare, nsenter)' util-linux
    need docker-registry 'a container registry (docker-registry)' docker-registry
}

# Debian's own Python, for which it packages a client of Marathon.
python=/usr/bin/python3

need_for_jenkins_clients() {
    "$python" -c 'import ensurepip' 2>/dev/null || missing["Python's venv"]=python3-venv
}

need_for_otlp_clients() {
    need_for_jenkins_clients
}

need_for_openid_clients() {
    need node 'Node.js' nodejs
    need npm 'Node.js with npm' nodejs npm
}

need_for_fluent_clients() {
    need_for_jenkins_clients
    need node 'Node.js' nodejs
    need npm 'Node.js with npm' nodejs npm
}

need_for_marathon_clients() {
    need_for_jenkins_clients
    "$python" -c 'import marathon' 2>/dev/null || missing["Marathon's client for Python"]=python3-marathon
    need node 'Node.js' nodejs
    need npm 'Node.js with npm' nodejs npm
}

need_for_bench() {
    need ip 'iproute2 (ip)' iproute2
    need nginx nginx 'nginx-light|nginx'
    need haproxy HAProxy haproxy
    need wrk wrk wrk
    need h2load nghttp2 nghttp2-client
    need_for_browser
    # Envoy and Caddy come from there.
    need_for_jenkins_clients
}

# libFuzzer is in C++, and built with what fuzzes.
need_for_fuzz() {
    need c++ 'a C++ compiler (c++)' g++
}

check_rust() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
    have cargo || fail "there is no cargo; install Rust $wanted or newer as https://rustup.rs says"
    found=$(rustc --version | cut -d ' ' -f 2)
    [[ $(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1) == "$wanted" ]] ||
        fail "Rust is $found, and must be $wanted or newer; with rustup: rustup update stable"
}

install_missing() {
    [[ ${#missing[@]} -gt 0 ]] || return 0
    have apt-get || {
        say 'Please install, as this system does it, and run this again:'
        printf '  - %s\n' "${!missing[@]}" | sort >&2
        exit 1
    }
    # The lists may be old, or not there at all. Where they cannot be renewed they may still do.
    as_root apt-get update -q || say 'warning: apt-get update failed; trying with the lists as they are'
    local package packages=()
    # shellcheck disable=SC2048 # several stand in one
    for package in ${missing[*]}; do
        packages+=("$(offered "$package")")
    done
    say "installing: ${packages[*]}"
    install_quietly "${packages[@]}"
}

# Of FIRST|SECOND, the first that can be installed.
offered() {
    local candidates candidate
    IFS='|' read -ra candidates <<<"$1"
    for candidate in "${candidates[@]}"; do
        if [[ $(apt-cache policy "$candidate") == *'Candidate: '[!\(]* ]]; then
            echo "$candidate"
            return
        fi
    done
    echo "${candidates[0]}"
}

# Debian starts a service as it installs it, and at each boot. The tests and benchmarks start their own
# on ports of their own, so what is installed here must not take port 80.
install_quietly() {
    local policy=/usr/sbin/policy-rc.d service services=()
    local known=(nginx haproxy docker-registry carbon-cache ngircd inspircd atheme-services prometheus nagios4)
    for service in "${known[@]}"; do
        have "$service" || services+=("$service")
    done
    forget_policy
    if [[ ! -e $policy ]]; then
        trap forget_policy EXIT
        printf '#!/bin/sh\n# %s\nexit 101\n' "$policy_mark" | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get install -q -y --no-install-recommends "$@" </dev/null
    forget_policy
    for service in "${services[@]}"; do
        ! have "$service" || disable "$service"
    done
}

policy_mark='Written by dev/setup.sh of Rocket Launcher for the time of one installation.'

# Also what a run that was killed left.
forget_policy() {
    ! grep -qsF "$policy_mark" /usr/sbin/policy-rc.d || as_root rm -f /usr/sbin/policy-rc.d
}

disable() {
    if runs_systemd; then
        as_root systemctl disable -q "$1"
    elif [[ -e /etc/init.d/$1 ]] && have update-rc.d; then
        as_root update-rc.d "$1" disable
    else
        return 0
    fi
    say "$1 was installed for development; its service is disabled"
}

install_node_modules() {
    local lock=$root/web/package-lock.json done=$root/web/node_modules/.package-lock.json
    [[ -f $lock ]] || return 0
    [[ $done -nt $lock ]] || npm ci --no-audit --no-fund --prefix "$root/web"
}

# Clients that others wrote, of the lists in a folder here, beside what is built: each is there once the
# copy of its list is. Tests that run at the same time ask for the same ones.
install_clients() (
    lists=$root/dev/$1 clients=$target/$1
    mkdir -p "$clients"
    exec 9>"$clients/lock"
    flock 9
    [[ ! -f $lists/requirements.txt ]] || cmp -s "$lists/requirements.txt" "$clients/requirements.txt" || {
        "$python" -m venv --clear "$clients/venv"
        "$clients/venv/bin/pip" install -q --disable-pip-version-check -r "$lists/requirements.txt"
        cp "$lists/requirements.txt" "$clients"
    }
    [[ ! -f $lists/package-lock.json ]] || cmp -s "$lists/package-lock.json" "$clients/node_modules/.installed-lock.json" || {
        cp "$lists"/package{,-lock}.json "$clients"
        npm ci --no-audit --no-fund --prefix "$clients"
        cp "$lists/package-lock.json" "$clients/node_modules/.installed-lock.json"
    }
)

[[ $# -gt 0 ]] || fail 'what for? dev/setup.sh build | demo | test | fuzz | bench | lab | marathon-clients | jenkins-clients | fluent-clients | notify-clients | openid-clients | otlp-clients | bench-clients | grpc-clients'
need_for_build
clients=()
for what in "$@"; do
    case $what in
        build) ;;
        demo)
            need_for_docker
            need_for_git
            ;;
        test)
            need_for_docker
            need_for_git
            need_for_test
            need_for_lab
            clients+=(marathon-clients jenkins-clients fluent-clients notify-clients openid-clients otlp-clients grpc-clients)
            ;;
        marathon-clients)
            need_for_marathon_clients
            clients+=("$what")
            ;;
        jenkins-clients | notify-clients)
            need_for_jenkins_clients
            clients+=("$what")
            ;;
        fluent-clients)
            need_for_fluent_clients
            clients+=("$what")
            ;;
        openid-clients)
            need_for_openid_clients
            clients+=("$what")
            ;;
        otlp-clients | grpc-clients)
            need_for_otlp_clients
            clients+=("$what")
            ;;
        fuzz) need_for_fuzz ;;
        bench)
            need_for_docker
            need_for_git
            need_for_bench
            clients+=(bench-clients)
            ;;
        bench-clients)
            need_for_jenkins_clients
            clients+=("$what")
            ;;
        lab)
            need_for_docker
            need_for_git
            need_for_lab
            ;;
        *) fail "there is nothing to set up for $what; it is one of build, demo, test, fuzz, bench, lab, marathon-clients, jenkins-clients, fluent-clients, notify-clients, openid-clients, otlp-clients, bench-clients, grpc-clients" ;;
    esac
done
check_rust
install_missing
install_node_modules
for list in "${clients[@]}"; do
    install_clients "$list"
done
