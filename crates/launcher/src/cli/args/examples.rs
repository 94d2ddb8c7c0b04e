//! The examples under each command's help.

mod access;
mod agent;

pub(super) use access::*;
pub(super) use agent::*;

pub(super) const APPLY: &str = "\
EXAMPLES
  launcher apply                       what ./launcher.toml says
  launcher apply --dry-run             only show what would change
  launcher apply --seen 2026-11-30T12:00:00.25Z
                                       exactly what --dry-run has shown, or nothing
  launcher apply -f shop/launcher.toml";
pub(super) const SERVICES: &str = "\
EXAMPLES
  launcher services
  launcher services --json";
pub(super) const DELETE: &str = "\
EXAMPLES
  launcher delete shop                 asks for the service's name first
  launcher delete shop --yes           for a script

It takes the service offline on all edges, waits until nothing is in flight, destroys its environments,
and deletes it. What was done stays in `launcher events`. It goes on when you interrupt this.";
pub(super) const STATUS: &str = "\
EXAMPLES
  launcher status                      all services
  launcher status shop                 one, with images and failures";
pub(super) const LAUNCH: &str = "\
EXAMPLES
  launcher launch shop --image registry.example.com/shop:1.2 --wait
  launcher launch shop --image :1.2 --branch main --commit 4f2a91c
  launcher launch shop --image :1.2 --commit 4f2a91c --subject 'Faster checkout' --author Mika

Prints the version's number and its preview URL on one line. With --wait, it exits with 1 when the
environment has failed, and tells why.";
pub(super) const INIT: &str = "\
EXAMPLES
  launcher init                        in the folder with the Dockerfile
  launcher init shop --name shop --no-probe

It reads the Dockerfile and git. Where a Docker Engine is at hand (LAUNCHER_DOCKER_HOST says which),
it builds the image, runs it once, and asks it for paths such as /healthz; both are removed again.";
pub(super) const BUILD: &str = "\
EXAMPLES
  launcher build                       the folder that you are in
  launcher build shop --from ~/shop --branch main
  launcher build --no-wait --json | jq .id

Sends what [service] build in launcher.toml names, without .git and what .dockerignore leaves out.
Prints the version's number and its preview URL on one line; exits with 1 when it does not pass.";
pub(super) const BUILDS: &str = "\
EXAMPLES
  launcher builds                      of all services
  launcher builds shop --branch main
  launcher builds log 12               what its steps say, while it runs
  launcher builds retry 12

A build begins with a push: git push http://launcher:TOKEN@HOST:7070/git/shop.git main";
pub(super) const BUILDS_SHOW: &str = "\
EXAMPLES
  launcher builds show 12
  launcher builds show 12 --json";
pub(super) const BUILDS_LOG: &str = "\
EXAMPLES
  launcher builds log 12
  launcher builds log 12 --json        one entry per line";
pub(super) const BUILDS_CANCEL: &str = "\
EXAMPLES
  launcher builds cancel 12

What it has left on the engine is removed. A version that it has made already stays.";
pub(super) const BUILDS_RETRY: &str = "\
EXAMPLES
  launcher builds retry 12

Prints its log, and exits with 1 when it does not pass.";
pub(super) const DEPLOY: &str = "\
EXAMPLES
  launcher deploy shop 42 --dry-run    only show what it would do
  launcher deploy shop 42
  launcher deploy shop v42 --note 'new checkout' --verbose
  launcher deploy shop 42 --weight 10  a tenth of the users, who stay on it
  launcher deploy shop 42 --weight 50  half of those who come new
  launcher deploy shop 42              everybody
  launcher deploy shop 42 --weight 0   nobody
  launcher deploy shop 42 --hold 5s    requests before the flip are answered first
  launcher deploy shop 42 --force --note 'the till is broken'    also during a freeze";
pub(super) const TRY: &str = "\
EXAMPLES
  launcher try shop 42
  curl -H \"$(launcher try shop 42 --header)\" https://shop.example.com/

A browser that opens the link sees the version on the production hostname, and nobody else does. It
leaves it again when it is closed, or by a link with an empty launcher-try=.";
pub(super) const ROLLBACK: &str = "\
EXAMPLES
  launcher rollback shop               to the version that had all traffic before
  launcher rollback shop 40 --note 'checkout fails'
  launcher rollback shop --dry-run     only what it would do";
pub(super) const OFFLINE: &str = "\
EXAMPLES
  launcher offline shop                asks for the service's name first
  launcher offline shop --yes --note 'the warehouse burns'
  launcher offline shop --dry-run      only what it would do

It is a deployment, to nothing: requests in flight end as they are, previews go on, containers are
kept, and `launcher rollback shop` puts live again what was. To show users a page of your own
meanwhile, use `launcher maintenance`; `launcher delete` is for good.";
pub(super) const HOLD: &str = "\
EXAMPLES
  launcher hold shop --for 30s && { ./migrate; launcher release shop; }

Returns when the requests before it are answered, or when half of the time has passed. Requests that
wait are let go by `launcher release`, or when the time has passed; none is dropped.";
pub(super) const RELEASE: &str = "\
EXAMPLES
  launcher release shop";
pub(super) const MAINTENANCE: &str = "\
EXAMPLES
  launcher maintenance shop on --page closed.html --retry-after 10m --note 'a new database'
  launcher maintenance shop            says whether it is on
  launcher maintenance shop off
  launcher maintenance shop on         with the page that was given last

Returns when every connected edge has acknowledged it, and names those that have not. Users get
503; previews go on, and so does what tries a version: `launcher try shop VERSION` is your way in.
Requests in flight end as they are; deployments and rollbacks work meanwhile, and leave it on.";
pub(super) const BRANCHES: &str = "\
EXAMPLES
  launcher branches shop
  launcher branches shop --json
  launcher branches delete shop feature/login

Branches that [branches] match names get an environment at http://BRANCH.SERVICE.… with their next
version. One that nobody looks at is stopped, and started again by the next request.";
pub(super) const BRANCHES_DELETE: &str = "\
EXAMPLES
  launcher branches delete shop feature/login

A version of it that is live or pinned stays.";
pub(super) const HISTORY: &str = "\
EXAMPLES
  launcher history shop
  launcher history shop -n 5 --json";
pub(super) const LOGS: &str = "\
EXAMPLES
  launcher logs shop                   the live version
  launcher logs shop 42 -f --tail 10
  launcher logs shop 42 --since 10m --container 0f3cba2e91d7
  launcher logs shop --find timeout -n 20
  launcher logs shop --tail all --json | jq -r .text

Lines are of all containers, in order of time, those included that are gone: each with its time, the
beginning of its container's id and, where there are several hosts, its host. ! marks standard error.";
pub(super) const EXEC: &str = "\
EXAMPLES
  launcher exec shop 42 -- sh                      a shell, where you type in a terminal
  launcher exec shop 42 --slot 2 -- cat /etc/hosts
  launcher exec shop 42 --container 0f3cba2e91d7 -- ps aux
  echo hi | launcher exec shop 42 -- tee /tmp/hi

In a terminal the command has one too; else its input is what comes in here, and ends with it: give it
</dev/null where it must not read what is meant for others. It exits with the command's exit status,
and is ended when you go. Who ran what is in the audit.";
pub(super) const RUN: &str = "\
EXAMPLES
  launcher run shop -- bin/report      the live version, with its configuration
  launcher run shop 42 -- bin/check

It exits with the command's exit status. The container is removed at the end, or when you interrupt.";
pub(super) const SCALE: &str = "\
EXAMPLES
  launcher scale shop 42 5";
pub(super) const STOP: &str = "\
EXAMPLES
  launcher stop shop 41";
pub(super) const START: &str = "\
EXAMPLES
  launcher start shop 41";
pub(super) const DESTROY: &str = "\
EXAMPLES
  launcher destroy shop 41             refused while v41 is live or pinned";
pub(super) const PIN: &str = "\
EXAMPLES
  launcher pin shop 40";
pub(super) const UNPIN: &str = "\
EXAMPLES
  launcher unpin shop 40";
pub(super) const HOSTS: &str = "\
EXAMPLES
  launcher hosts
  launcher hosts alpha                 one, with what runs on it
  launcher hosts drain alpha --wait
  launcher hosts open alpha";
pub(super) const HOSTS_CLOSE: &str = "\
EXAMPLES
  launcher hosts close alpha
  launcher hosts open alpha            undoes it";
pub(super) const HOSTS_DRAIN: &str = "\
EXAMPLES
  launcher hosts drain alpha --wait    before its kernel is updated, or it is taken away
  launcher hosts open alpha            undoes it

Each container is replaced on another host first, and ends once the new one serves and nothing of
it is in flight on any edge. The drain goes on when you interrupt this; `launcher hosts alpha`
shows what is still there.";
pub(super) const HOSTS_OPEN: &str = "\
EXAMPLES
  launcher hosts open alpha

What was moved away does not come back by itself.";
pub(super) const HOSTS_LABEL: &str = "\
EXAMPLES
  launcher hosts label alpha rack=a12 warranty=2027 --owner storage
  launcher hosts label alpha rack=     takes the label away

They are for people and for what reads the inventory. Where containers are placed ([placement] in
launcher.toml) depends on the engine's labels alone.";
pub(super) const CERTIFICATES: &str = "\
EXAMPLES
  launcher certificates
  launcher certificates --json
  launcher certificates renew shop     now, though it is not due

[acme] in the server's configuration says from which authority; docs/tls.md has more.";
pub(super) const CERTIFICATES_RENEW: &str = "\
EXAMPLES
  launcher certificates renew shop     after its names lead to the edges again

The one that there is stays until another one is there. Authorities issue only so many for a name in
a week. One in files is renewed by what has put it there.";
pub(super) const EDGES: &str = "\
EXAMPLES
  launcher edges
  launcher edges invite north";
pub(super) const EDGES_INVITE: &str = "\
EXAMPLES
  launcher edges invite north
  launcher edges invite north --json | jq -r .token

The server must be started with --edges ADDR. Whoever has the token may join under this name; an edge
that has joined under it already goes on until then.";
pub(super) const EDGES_REVOKE: &str = "\
EXAMPLES
  launcher edges revoke north

It serves on with the routes that it has, until it is stopped on its machine.";
pub(super) const CONTAINERS: &str = "\
EXAMPLES
  launcher containers
  launcher containers --json";
pub(super) const EVENTS: &str = "\
EXAMPLES
  launcher events -n 20
  launcher events shop -f
  launcher events --kind deployment,build_failed --who mika --from 7d
  launcher events shop --from 2026-11-24 --to 2026-11-25
  launcher events --kind deployment --from 30d --csv > deployments.csv
  launcher events -f --json            one object per line, for a program";
pub(super) const NOTIFICATIONS: &str = "\
EXAMPLES
  launcher notifications
  launcher notifications --json | jq '.[] | select(.failing_since)'
  launcher notifications test 'libera#deploys'

TOLD counts the events since the server's start.";
pub(super) const NOTIFICATIONS_TEST: &str = "\
EXAMPLES
  launcher notifications test 'libera#deploys'
  launcher notifications test team --json

It exits with 1 when the target could not be told, and says why.";
pub(super) const DOCTOR: &str = "\
EXAMPLES
  launcher doctor
  launcher doctor --json";
pub(super) const COMPLETIONS: &str = "\
EXAMPLES
  source <(launcher completions bash)
  launcher completions fish > ~/.config/fish/completions/launcher.fish";
pub(super) const MAN: &str = "\
EXAMPLES
  launcher man | man -l -
  launcher man --dir /usr/local/share/man/man1";
pub(super) const METRICS: &str = "\
EXAMPLES
  launcher metrics shop                what is live and what waits, the last 15 minutes
  launcher metrics shop 41 42 --for 1h
  launcher metrics shop --measure requests_5xx --measure latency_p99 --json
  launcher metrics --host web1         what the whole host uses

The last column draws each step of that time, from nothing to the most of all versions.";
