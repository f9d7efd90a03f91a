#!/usr/bin/env bash
# Runs a command as a container of the chart would run it, as far as the kernel does it without a container engine: the root read-only, a /tmp of its
# own, folders mounted at their paths, the given user, no way to more rights. Needs root. The host's file tree stands for the image's.
#   unshare --mount pod.sh ROOT USER:GROUP FOLDER:PATH… -- COMMAND…     (ROOT is empty; FOLDER is copied; PATH is below /etc)
set -euo pipefail
root="$1"
user="$2"
shift 2
here="$PWD"
mount --make-rprivate /
mount --rbind / "$root"
mount --make-rprivate "$root"
# The mount points are not there: a copy of /etc has them.
mount -t tmpfs tmpfs "$root/etc"
cp -a /etc/. "$root/etc"
while [ "$1" != "--" ]; do
  mkdir -p "$root${1#*:}"
  cp -aL "${1%%:*}/." "$root${1#*:}"
  chown -R "root:${user#*:}" "$root${1#*:}"
  chmod -R u=rX,g=rX,o= "$root${1#*:}"
  shift
done
shift
mount -o remount,ro "$root/etc"
mount -o remount,ro,bind "$root"
mount -t tmpfs tmpfs "$root/tmp"
# Wherever the checkout lies, below /tmp as well.
mkdir -p "$root$here"
mount --bind "$here" "$root$here"
mount -o remount,ro,bind "$root$here"
exec chroot "$root" setpriv --reuid="${user%%:*}" --regid="${user#*:}" --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs \
  env --chdir="$here" "$@"
