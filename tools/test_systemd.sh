#!/bin/bash
# test_systemd.sh [guest]
# `containerv unit` and `serve` under a real systemd: Debian 12's, as PID 1 of a namespace in user-mode Linux (VM_KERNEL: see build-uml.sh;
# VM_UML= for an emulated machine). Prints what it sees and "N passed, N failed". Needs root, dist/containerv, debootstrap and the network the
# first time. What is said on the page docs/serve.md, "Under systemd", is tried here, with its units.
set -uo pipefail
cd "$(dirname "$0")/.." && REPOSITORY=$PWD

host() {
  local root=${VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/run-in-vm}/systemd-root
  if [ ! -e "$root.ok" ]; then
    rm -rf "$root"
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,procps bookworm "$root" >&2 && touch "$root.ok" || exit 125
  fi
  VM_UML=${VM_UML-1} VM_ROOT=$root VM_TIMEOUT=${VM_TIMEOUT:-900} tools/run-in-vm.sh . /bin/bash tools/test_systemd.sh guest
}

# ---- in the machine: a systemd, then another one on the same files, as after a reboot --------
boot() {
  rm -rf /run/systemd; mkdir -p /run/systemd
  container=vm unshare --pid --fork --kill-child --mount --mount-proc --propagation private \
    /bin/bash -c 'mount -t tmpfs -o mode=755 run /run; exec /lib/systemd/systemd --unit=multi-user.target --log-level=warning' &
  BOOTED=$!
  for _ in $(seq 300); do
    INIT=$(pgrep -P "$BOOTED" -x systemd) && on systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded' && return
    sleep 1
  done
  echo "systemd did not start"; exit 1
}
on() { nsenter -t "$INIT" -p -m "$@"; }

guest() {
  umount /sys/fs/bpf /sys/kernel/debug /sys/kernel/security 2>/dev/null
  # units and specs: written once, there after both boots
  mkdir -p /opt/shop /var/results; : >/var/results/all
  boot; echo "systemd: $(on systemctl --version | head -1), Linux $(uname -r)"
  on /bin/bash "$REPOSITORY/tools/test_systemd.sh" first
  kill -9 "$INIT"; wait "$BOOTED" 2>/dev/null
  # Nor does any group outlive a reboot.
  within 30 find /sys/fs/cgroup -mindepth 1 -depth -type d -exec rmdir {} +
  boot; on /bin/bash "$REPOSITORY/tools/test_systemd.sh" second
  local passed failed
  passed=$(grep -c '^✔' /var/results/all); failed=$(grep -c '^✘' /var/results/all)
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$passed" -ge 15 ]
}

# what COMMAND…: a line for a command that must be true
check() {
  local what=$1; shift
  if "$@"; then echo "✔ $what"; else echo "✘ $what: $*"; fi | tee -a /var/results/all
}
# seconds COMMAND…: until it is true
within() { local end=$((SECONDS + $1)); shift; until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.3; done; }
is() { [ "$1" = "$2" ] || { echo "  is: $1"; return 1; }; }
active() { systemctl is-active -q "$1"; }
property() { systemctl show -p "$2" --value "$1"; }
# the container's first process
sleeper() { pgrep -f '^sleep 12345$'; }
runs() { [ -n "$(sleeper)" ]; }
containerv() { "$REPOSITORY/dist/containerv" "$@"; }
get() {
  perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$!"; print $s
    "GET /v1/containers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"; $s->flush; print while <$s>;' "$1"
}

first() {
  cd /opt/shop
  cat >shop.yaml <<'Y'
name: shop
containers:
  web:
    policy: none
    restart: always
    stop: {grace: 1s}
    limits: {memory: 64MiB, pids: 16}
    commands: [[sleep, "12345"]]
Y
  check "unit --install writes one" containerv unit --install shop.yaml
  local unit; unit=$(basename /etc/systemd/system/containerv-shop-*.service)
  check "systemd takes every line of it" is "$(systemd-analyze verify "/etc/systemd/system/$unit" 2>&1)" ""
  systemctl daemon-reload
  check "enable --now" systemctl enable --now "$unit"
  check "it is active only when all is up" runs
  local before; before=$(sleeper)
  kill -9 "$(property "$unit" MainPID)"
  again() { [ "$(property "$unit" NRestarts)" = 1 ]; }
  check "killed, it is started again" within 60 again
  check "and active" within 60 active "$unit"
  check "the container lived on" is "$(sleeper)" "$before"
  kill -9 "$before"
  another() { runs && [ "$(sleeper)" != "$before" ]; }
  check "a container that ends is started again" within 60 another
  check "stop" systemctl stop "$unit"
  check "after it nothing runs" is "$(sleeper)" ""
  check "and it has not failed" is "$(property "$unit" Result)" success

  mkdir -p "/etc/systemd/system/$unit.d"
  printf '[Service]\nWatchdogSec=10\n' >"/etc/systemd/system/$unit.d/watchdog.conf"
  systemctl daemon-reload; systemctl start "$unit"
  sleep 25
  check "it answers the watchdog" is "$(active "$unit" && property "$unit" NRestarts)" 0
  kill -STOP "$(property "$unit" MainPID)"
  restarted() { [ "$(property "$unit" NRestarts)" -ge 1 ] && active "$unit"; }
  check "held up, it is ended by the watchdog, and started again" within 120 restarted

  # The units of docs/serve.md.
  awk '/^```ini/{on=1; next} /^```/{on=0} on && /^# containerv\./{file="/etc/systemd/system/" $2} on{print > file}' "$REPOSITORY/docs/serve.md"
  sed -i "s#/usr/local/bin/containerv#$REPOSITORY/dist/containerv#" /etc/systemd/system/containerv.service
  systemctl daemon-reload
  check "serve's socket" systemctl start containerv.socket
  check "nobody serves before a client comes" is "$(systemctl is-active containerv.service)" inactive
  check "the first client is answered" grep -q '"shop' <(get /run/containerv.sock)
  check "by the service" active containerv.service
  before=$(sleeper)
  check "stopped" systemctl stop containerv.service containerv.socket
  check "containers live on" is "$(sleeper)" "$before"
}

second() {
  local unit; unit=$(basename /etc/systemd/system/containerv-shop-*.service)
  check "after a reboot the project is up" within 120 active "$unit"
  check "its container runs" runs
  systemctl stop "$unit"
}

case ${1:-host} in host | guest | first | second) "${1:-host}" ;; *) sed -n 2,6p "$0" >&2; exit 125 ;; esac
