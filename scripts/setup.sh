#!/bin/sh
# setup.sh build|test - installs the Debian packages of scripts/packages.txt that are missing.
# Says what is missing and why before it does anything; as root or with sudo it installs them,
# showing what apt-get shows; without either it names the command to type. Silent when nothing is
# missing.
set -eu
need=${1:-build}
here=$(dirname "$0")

case $need in
build) wanted='^build ' ;;
test) wanted='^(build|test) ' ;;
*) echo "usage: setup.sh build|test" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
	echo "setup: this is no Debian system; what is needed stands in scripts/packages.txt" >&2
	exit 0 # CMake names what it does not find
fi

packages=$(grep -E "$wanted" "$here/packages.txt" | awk '{print $2}')
# One question for all: it prints those that are installed.
installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $packages 2>/dev/null |
	awk '/^ii/{print $2}') || true
missing=
for p in $packages; do
	echo "$installed" | grep -qxF "$p" || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

echo "These Debian packages are missing:"
for p in $missing; do
	grep -E "^(build|test) +$p " "$here/packages.txt" | sed -E 's/^(build|test) +/  /'
done

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
	as_root=
elif command -v sudo >/dev/null; then
	as_root="sudo "
else
	echo "To install them, type as root:" >&2
	echo "  apt-get update && $install" >&2
	exit 1
fi

run() { # a command as root, shown before it runs
	echo "+ $as_root$*"
	${as_root}env DEBIAN_FRONTEND=noninteractive "$@"
}
# The lists of packages are fetched if they do not know a package we need, or what they know is no
# longer there.
known=$(apt-get install --simulate $missing >/dev/null 2>&1 && echo yes) || true
[ -n "$known" ] && run $install || { run apt-get update && run $install; } || {
	echo "setup: that failed. To install them by hand, type as root:" >&2
	echo "  apt-get update && $install" >&2
	exit 1
}
