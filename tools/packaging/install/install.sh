#!/bin/sh
# Installs jetpack from an unpacked tarball, or removes it.
#
# usage: system/install/install.sh [--root DIR] [--dry-run]
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

source=$(cd "$(dirname "$0")/../.." && pwd)
place=/opt/cycle/jetpack
root='' action=install dry_run='' purge='' replace=''
units='jetpackd.service healthcheck.service'

fail() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}

usage() {
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | grep -v '^set'
}

while [ $# -gt 0 ]; do
  case $1 in
    --root)
      [ $# -ge 2 ] && [ -d "$2" ] || fail "--root: no such directory: ${2:-}"
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
    *) fail "unknown option '$1'; see install.sh --help" ;;
  esac
  shift
done
[ -z "$purge" ] || [ "$action" = uninstall ] || fail '--purge is for --uninstall'
[ -n "$dry_run" ] || [ "$(id -u)" -eq 0 ] || fail 'permission denied; run it as root'
home=$root$place
log=$home/logs/installation.log
etc=$root/etc

note() {
  printf '%s\n' "$*"
  if [ -z "$dry_run" ] && [ -d "$home/logs" ]; then
    printf '%s install.sh: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >>"$log" 2>/dev/null || :
  fi
}

# Runs a command, or prints it.
run() {
  if [ -n "$dry_run" ]; then
    printf 'would run: %s\n' "$*"
  else
    "$@"
  fi
}

# Replaces a file with standard input, as a whole.
write() {
  if [ -n "$dry_run" ]; then
    printf 'would write: %s\n' "$2"
    cat >/dev/null
    return
  fi
  mkdir -p "$(dirname "$2")"
  rm -f "$2.new"
  cat >"$2.new"
  chmod "$1" "$2.new"
  mv -f "$2.new" "$2"
}

# systemctl, where this machine itself is installed to and runs systemd.
systemd() {
  [ -z "$root" ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null || return 0
  run systemctl --quiet "$@" || note "systemctl $* failed"
}

# Each list has the files of a part of the product, as sha256sum writes them.
lists() {
  find "$1/system/install" -name '*.sha256' 2>/dev/null | LC_ALL=C sort
}

check_source() {
  [ -n "$(lists "$source")" ] || fail "$source is incomplete: it has no list of files; unpack the tarball again"
  for list in $(lists "$source"); do
    (cd "$source" && sha256sum --check --quiet --strict "$list" >&2) ||
      fail "$source is incomplete or changed; unpack the tarball again"
  done
}

# The original has a Python of its own; ours runs the machine's.
is_original() {
  for library in "$home"/system/embedded/lib/python*/os.py; do
    [ -f "$library" ] && return 0
  done
  return 1
}

set_original_aside() {
  [ -n "$replace" ] ||
    fail "the original Jetpack is installed in $home; to replace it and keep its configuration, add --replace"
  [ "$source" != "$home" ] ||
    fail "the tarball was unpacked over the original Jetpack; unpack it elsewhere, and run install.sh --replace there"
  aside=$home/system/original-$(date -u +%Y%m%dT%H%M%SZ)
  note "moving the original's programs to $aside"
  systemd stop $units
  run mkdir -p "$aside"
  for part in embedded jetpack chef; do
    # Downloads and cookbooks are the user's.
    [ "$part" = chef ] || [ ! -d "$home/system/$part" ] || run mv "$home/system/$part" "$aside/"
  done
}

# A free id of a system account, from 999 down.
free_id() {
  id=999
  while cut -d: -f3 "$etc/passwd" "$etc/group" 2>/dev/null | grep -qx "$id"; do id=$((id - 1)); done
  echo "$id"
}

has_entry() { grep -qs "^cyclecloud:" "$etc/$1"; }

create_account() {
  if [ -z "$root" ] && command -v getent >/dev/null; then
    getent group cyclecloud >/dev/null || run groupadd --system cyclecloud
    getent passwd cyclecloud >/dev/null || run useradd --system --gid cyclecloud --home-dir "$place" \
      --no-create-home --shell "$(command -v nologin || echo /bin/false)" cyclecloud
    return
  fi
  has_entry group && has_entry passwd && return
  if [ -n "$dry_run" ]; then
    printf 'would create: the user and group cyclecloud in %s\n' "$etc"
    return
  fi
  mkdir -p "$etc"
  number=$(free_id)
  has_entry group || printf 'cyclecloud:x:%s:\n' "$number" >>"$etc/group"
  group=$(sed -n 's/^cyclecloud:[^:]*:\([0-9]*\):.*/\1/p' "$etc/group")
  has_entry passwd || printf 'cyclecloud:x:%s:%s::%s:/usr/sbin/nologin\n' "$number" "$group" "$place" >>"$etc/passwd"
}

# The id of the group, which may not exist on this machine.
group_id() {
  if [ -z "$root" ]; then getent group cyclecloud; else grep '^cyclecloud:' "$etc/group"; fi | cut -d: -f3
}

# Directories that hold state; they are kept as they are, but for owner and mode. Members of the group
# share logs/ and run/, and read the configuration; nobody else sees anything.
create_tree() {
  while read -r mode path; do
    run mkdir -p "$home/$path"
    run chown "0:$group" "$home/$path"
    run chmod "$mode" "$home/$path"
  done <<TREE
0750 .
2750 config
2750 config/healthcheck.d
2750 config/service.d
2770 logs
2770 run
0750 scripts
0755 system
0755 system/bootstrap
0755 system/chef/cache/jetpack/downloads
0755 system/chef/chef-repo/cookbooks
TREE
  [ -n "$dry_run" ] || [ -L "$home/logs/jetpack.log" ] || [ -e "$home/logs/jetpack.log" ] || : >"$home/logs/jetpack.log"
  run chown -h "0:$group" "$home/logs/jetpack.log"
  [ -L "$home/logs/jetpack.log" ] || run chmod 0660 "$home/logs/jetpack.log"
}

copy_files() {
  [ "$source" != "$home" ] || return 0
  note "copying $source to $home"
  [ -z "$dry_run" ] || return 0
  remove_stale
  for part in bin include lib plugins share system; do
    [ -d "$source/$part" ] || continue
    (cd "$source" && tar -cf - "$part") | (cd "$home" && tar -xf - --no-same-owner)
  done
}

# The files that the lists of a tree name.
listed() {
  for list in $(lists "$1"); do sed 's/^[0-9a-f]*  //' "$list"; done
}

# What an older version had and this one has not; it would be found and loaded.
remove_stale() {
  [ "$source" != "$home" ] || return 0
  listed "$source" >"$home/.listed"
  listed "$home" | { grep -vxF -f "$home/.listed" || :; } | while IFS= read -r file; do rm -f "$home/$file"; done
  rm -f "$home/.listed"
}

install_files() {
  case $("$source/bin/jetpack" --version 2>&1) in
    [0-9]*) ;;
    *) [ -n "$root" ] || fail "$source/bin/jetpack does not run here ($(uname -m), $("$source/bin/jetpack" --version 2>&1 | head -n 1))" ;;
  esac
  run mkdir -p "$home" || fail "cannot create $home"
  if [ -z "$dry_run" ]; then
    probe=$home/.install-probe
    (: >"$probe") 2>/dev/null || fail "cannot write to $home: it is read-only or full"
    rm -f "$probe"
  fi
  if is_original; then set_original_aside; fi
  create_account
  group=$([ -n "$dry_run" ] && echo cyclecloud || group_id)
  create_tree
  copy_files
  for part in bin include lib plugins share system/bin system/bootstrap/cron_wrapper.sh system/embedded system/install; do
    [ ! -e "$home/$part" ] || run chown -Rh "0:$group" "$home/$part"
  done
  for unit in $units; do
    write 644 "$etc/systemd/system/$unit" <"$source/share/jetpack/systemd/$unit"
    run mkdir -p "$etc/systemd/system/multi-user.target.wants"
    run ln -sfn "../$unit" "$etc/systemd/system/multi-user.target.wants/$unit"
  done
  # Callers look for a line that begins with "export PATH=".
  write 644 "$etc/profile.d/cyclecloud.sh" <<PROFILE
# Written by jetpack's installer.
export CYCLECLOUD_HOME=$place
export PATH=\$PATH:\$CYCLECLOUD_HOME/bin
PROFILE
  if [ -z "$root" ] && command -v restorecon >/dev/null; then
    run restorecon -R "$home" "$etc/systemd/system" "$etc/profile.d/cyclecloud.sh" || :
  fi
  systemd daemon-reload
  systemd try-restart $units
  note "installed in $home; next, run: $place/bin/jetpack initialize"
}

remove_listed() {
  listed "$home" | while IFS= read -r file; do run rm -f "$home/$file"; done
  for list in $(lists "$home"); do run rm -f "$list"; done
  [ -z "$dry_run" ] || return 0
  # Directories that are empty now, and links to what is gone.
  for part in bin include lib share system plugins; do
    [ -d "$home/$part" ] || continue
    find "$home/$part" -depth -type d -empty -delete
    [ ! -d "$home/$part" ] || find "$home/$part" -xtype l -delete
    [ ! -d "$home/$part" ] || find "$home/$part" -depth -type d -empty -delete
  done
}

remove_account() {
  if [ -z "$root" ] && command -v userdel >/dev/null; then
    run userdel cyclecloud || :
    ! getent group cyclecloud >/dev/null || run groupdel cyclecloud || :
  else
    for file in passwd group; do
      [ -f "$etc/$file" ] || continue
      grep -v '^cyclecloud:' "$etc/$file" | write 644 "$etc/$file" || :
    done
  fi
}

uninstall_files() {
  [ -d "$home" ] || fail "not installed: no $home"
  systemd disable --now $units
  note "removing jetpack from $home"
  for unit in $units; do
    run rm -f "$etc/systemd/system/$unit" "$etc/systemd/system/multi-user.target.wants/$unit"
  done
  run rm -f "$etc/profile.d/cyclecloud.sh"
  systemd daemon-reload
  remove_listed
  if [ -n "$purge" ]; then
    run rm -rf "$home"
    rmdir "$root/opt/cycle" 2>/dev/null || :
    remove_account
  fi
}

case $action in
  install)
    check_source
    install_files
    ;;
  uninstall) uninstall_files ;;
esac
