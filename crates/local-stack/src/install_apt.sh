# Installs the packages given as arguments, as programs only. Run by root (`sh -c`), never sourced.
#
# Debian starts a service when its package is installed and Postgres' package creates a cluster.
# Both are held off for the time of the install, and what we put there for that is taken away on
# every way out. One shell does it all, so it also ends in order when whoever started it is gone.
set -eu
trap '' HUP PIPE

policy=/usr/sbin/policy-rc.d
kept=/usr/sbin/policy-rc.d.kept-by-premise-sync
clusters=/etc/postgresql-common/createcluster.d
no_cluster=$clusters/zz-premise-sync.conf

restore() {
    rm -f "$no_cluster"
    # Only folders that we have made are empty.
    rmdir --ignore-fail-on-non-empty "$clusters" /etc/postgresql-common 2>/dev/null || true
    if grep -q premise-sync-install "$policy" 2>/dev/null; then rm -f "$policy"; fi
    if [ -e "$kept" ] || [ -L "$kept" ]; then mv -f "$kept" "$policy"; fi
}
# What an install that was itself killed has left.
restore
trap restore EXIT
trap 'exit 130' INT TERM

if [ -e "$policy" ] || [ -L "$policy" ]; then mv -f "$policy" "$kept"; fi
printf '#!/bin/sh\n# premise-sync-install: removed when the install ends\nexit 101\n' > "$policy"
chmod 755 "$policy"
mkdir -p "$clusters"
printf 'create_main_cluster = false\n' > "$no_cluster"

export DEBIAN_FRONTEND=noninteractive
apt="apt-get -q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3"
install() {
    # A configuration file that is already there stays.
    $apt -o Dpkg::Options::=--force-confold --no-install-recommends install "$@"
}
known() {
    for package in "$@"; do
        apt-cache policy "$package" | grep -q 'Candidate: [^(]' || return 1
    done
}
# Lists that are absent or too old to match the archive are refreshed; fresh ones cost nothing.
if ! { known "$@" && install "$@"; }; then
    $apt update
    install "$@"
fi

# Installed, but not to be started at the next boot either.
for service in rabbitmq-server postgresql epmd; do
    if command -v systemctl >/dev/null; then
        systemctl disable --quiet "$service.service" "$service.socket" >/dev/null 2>&1 || true
    fi
    if [ -e "/etc/init.d/$service" ] && command -v update-rc.d >/dev/null; then
        update-rc.d "$service" disable >/dev/null 2>&1 || true
    fi
done
