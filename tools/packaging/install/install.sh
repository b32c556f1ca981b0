#!/bin/sh
# Installs jetpack from an unpacked tarball, or removes it.
#
# usage: system/install/install.sh [--replace] [--root DIR] [--dry-run]
#        system/install/install.sh --uninstall [--purge] [--root DIR] [--dry-run]
#
#   --root DIR    install into the system below DIR, such as an image; nothing of this machine changes
#   --dry-run     print what would be done, and do nothing
#   --uninstall   remove the services and what was installed; configuration, logs and scripts stay
#   --purge       remove these too, and the user and group cyclecloud
#   --replace     install over the original Jetpack: its programs are moved aside, its configuration stays
#
# The services are enabled, not started: `jetpack initialize` starts them. Over an older version the
# services that run are restarted. What was done is in logs/installation.log.
set -eu
umask 022

program=install.sh
source=$(cd "$(dirname "$0")/../.." && pwd)
root='' action=install dry_run='' purge='' replace=''
replace_how='add --replace'

usage() {
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | grep -v '^set'
}

bad() {
  printf '%s: %s\n' "$program" "$*" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case $1 in
    --root)
      [ $# -ge 2 ] && [ -d "$2" ] || bad "--root: no such directory: ${2:-}"
      root=$(cd "$2" && pwd)
      [ "$root" != / ] || root=''
      shift
      ;;
    --dry-run) dry_run=1 ;;
    --uninstall) action=uninstall ;;
    --purge) purge=1 ;;
    --replace) replace=1 ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) bad "unknown option '$1'; see install.sh --help" ;;
  esac
  shift
done
[ -z "$purge" ] || [ "$action" = uninstall ] || bad '--purge is for --uninstall'
[ -n "$dry_run" ] || [ "$(id -u)" -eq 0 ] || bad 'permission denied; run it as root'
[ -f "$source/system/install/steps.sh" ] || bad "$source is incomplete: steps.sh is missing; unpack the tarball again"
# shellcheck source=tools/packaging/install/steps.sh
. "$source/system/install/steps.sh"
case $root$source in *'
'*) bad 'a path has a line break' ;; esac

check_source() {
  [ -n "$(lists "$source")" ] || fail "$source is incomplete: it has no list of files; unpack the tarball again"
  for list in $(lists "$source"); do
    (cd "$source" && sha256sum --check --quiet --strict "$list" >&2) ||
      fail "$source is incomplete or changed; unpack the tarball again"
  done
}

check_package() {
  [ -z "$root" ] || return 0
  if command -v dpkg-query >/dev/null && dpkg-query -S "$place/bin/jetpack" >/dev/null 2>&1; then
    fail 'jetpack is installed as a package; use apt or dpkg'
  elif command -v rpm >/dev/null && rpm -qf "$place/bin/jetpack" >/dev/null 2>&1; then
    fail 'jetpack is installed as a package; use dnf, zypper or rpm'
  fi
}

# The machine that a program is for: two bytes of its ELF header.
machine_of() { od -An -tx1 -j18 -N2 "$1" 2>/dev/null; }

check_program() {
  if [ -n "$root" ]; then
    # What the image runs.
    for shell in "$root/bin/sh" "$root/usr/bin/sh" "$root/bin/bash" "$root/bin/busybox"; do
      [ -f "$shell" ] && [ ! -L "$shell" ] || continue
      [ "$(machine_of "$shell")" = "$(machine_of "$source/bin/jetpack")" ] ||
        fail "this package is for another architecture than $root"
    done
    return
  fi
  output=$("$source/bin/jetpack" --version 2>&1) || :
  case $output in
    [0-9]*) ;;
    *"ermission denied"*) fail "$source/bin/jetpack does not run: $source is mounted noexec; unpack the tarball elsewhere" ;;
    *) fail "$source/bin/jetpack does not run here ($(uname -m)): $(echo "$output" | head -n 1)" ;;
  esac
}

# One at a time, where flock exists.
lock() {
  [ -z "$dry_run" ] && command -v flock >/dev/null || return 0
  mkdir -p "$home" || fail "cannot create $home: it is read-only or full"
  exec 9<"$home"
  flock -n 9 || fail "another installation is running in $home"
}

staging=$home/.install-new

# What an older version had and this one has not would be found and loaded. Parts that this tarball
# does not have, such as the hub, stay.
remove_stale() {
  listed "$source" >"$staging/.listed"
  for list in $(lists "$source"); do
    [ ! -f "$home/system/install/${list##*/}" ] || sed 's/^[0-9a-f]*  //' "$home/system/install/${list##*/}"
  done | { grep -vxF -f "$staging/.listed" || :; } | while IFS= read -r file; do rm -f "$home/$file"; done
}

# All is copied before anything is replaced: a disk that is full changes nothing. Each file is renamed,
# so that a jetpack that is started meanwhile is the old or the new one; the lists of files come last.
copy_files() {
  [ "$source" != "$home" ] || return 0
  note "copying $source to $home"
  [ -z "$dry_run" ] || return 0
  rm -rf "$staging"
  mkdir "$staging"
  parts=$(cd "$source" && for part in bin include lib plugins share system; do [ ! -d "$part" ] || echo "$part"; done)
  # shellcheck disable=SC2086
  if ! { (cd "$source" && tar -cf - $parts) | (cd "$staging" && tar -xf - --no-same-owner) && sync "$staging"; } 2>/dev/null ||
    ! (cd "$staging" && for list in $(lists "$staging"); do sha256sum --check --quiet --strict "$list" || exit 1; done) >/dev/null 2>&1; then
    rm -rf "$staging"
    fail "cannot copy $source to $home: the disk is full or cannot be written; nothing was changed"
  fi
  (cd "$staging" && find . -type d ! -path './system/install*') | while IFS= read -r directory; do
    mkdir -p "$home/$directory"
    find "$staging/$directory" -maxdepth 1 ! -type d ! -name .listed -exec mv -f -t "$home/$directory" '{}' '+'
  done
  remove_stale
  mkdir -p "$home/system/install"
  mv -f -t "$home/system/install" "$staging"/system/install/*
  rm -rf "$staging"
}

install_files() {
  check_source
  check_package
  check_program
  [ "$source" != "$home" ] || ! is_original ||
    fail "the tarball was unpacked over the original Jetpack; unpack it elsewhere, and run install.sh --replace there"
  check_original
  check_outbox
  lock
  check_place
  set_original_aside
  copy_files
  configure
}

uninstall_files() {
  [ -d "$home" ] || fail "not installed: no $home"
  check_package
  lock
  deconfigure
  listed "$home" | while IFS= read -r file; do run rm -f "$home/$file"; done
  for list in $(lists "$home"); do run rm -f "$list"; done
  if [ -n "$purge" ]; then purge; else remove_remains; fi
}

case $action in
  install) install_files ;;
  uninstall) uninstall_files ;;
esac
