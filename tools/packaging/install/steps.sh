# What an installation does. install.sh reads this file, and the packages' scripts have it in them, so
# that all of them do the same. POSIX sh; `root` is empty for this machine.
# shellcheck shell=sh disable=SC2154
place=/opt/cycle/jetpack
home=${root:-}$place
etc=${root:-}/etc
# What is enabled. `jetpack initialize` enables jetpack-converge too.
enabled_units='jetpackd.service healthcheck.service'
units="$enabled_units jetpack-converge.service"
# The schema of run/outbox.db that this version reads (core/services/session/outbox_schema.cpp).
outbox_schema=3
# What was copied to the system, as it was, and what logs/installation.log is a copy of.
record=$home/system/install/system-files
notes_file=$home/system/install/installation.log
made_directories=$home/system/install/made-directories

# State: kept, but for owner and mode. Members of the group share logs/ and run/, and read the
# configuration; nobody else sees anything.
state_tree() {
  cat <<'TREE'
0750 .
2750 config
2750 config/healthcheck.d
2750 config/service.d
2770 logs
2770 run
0750 scripts
0755 system
0755 system/bootstrap
0755 system/chef
0755 system/chef/cache
0755 system/chef/cache/jetpack
0755 system/chef/cache/jetpack/downloads
0755 system/chef/chef-repo
0755 system/chef/chef-repo/cookbooks
TREE
}

# What is copied to the system: from the tree, to where.
system_files() {
  cat <<'FILES'
share/jetpack/systemd/jetpackd.service /etc/systemd/system/jetpackd.service
share/jetpack/systemd/healthcheck.service /etc/systemd/system/healthcheck.service
share/jetpack/systemd/jetpack-converge.service /etc/systemd/system/jetpack-converge.service
share/jetpack/system/cyclecloud.sh /etc/profile.d/cyclecloud.sh
share/jetpack/system/66-jetpack.rules /etc/udev/rules.d/66-jetpack.rules
share/jetpack/completion/jetpack.bash /usr/share/bash-completion/completions/jetpack
share/jetpack/completion/jetpack.zsh /usr/share/zsh/site-functions/_jetpack
share/jetpack/completion/jetpack.zsh /usr/share/zsh/vendor-completions/_jetpack
share/jetpack/completion/jetpack.fish /usr/share/fish/vendor_completions.d/jetpack.fish
FILES
}

fail() {
  note "failed: $*" >/dev/null
  printf '%s: %s\n' "$program" "$*" >&2
  exit 1
}

# Members of the group can write to logs/: what root writes there is renamed over whatever has the name.
note() {
  printf '%s\n' "$*"
  [ -z "${dry_run:-}" ] && [ -d "$home/system/install" ] && [ -d "$home/logs" ] || return 0
  {
    tail -n 1000 "$notes_file" 2>/dev/null || :
    printf '%s %s: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$program" "$*"
  } >"$notes_file.$$" 2>/dev/null && mv -f "$notes_file.$$" "$notes_file" || return 0
  cp -f "$notes_file" "$home/.installation.log.$$" 2>/dev/null || return 0
  chown "0:${group:-$(stat -c %g "$home")}" "$home/.installation.log.$$" && chmod 0640 "$home/.installation.log.$$" || :
  mv -fT "$home/.installation.log.$$" "$home/logs/installation.log" 2>/dev/null || rm -f "$home/.installation.log.$$"
}

# Runs a command, or prints it.
run() {
  if [ -n "${dry_run:-}" ]; then
    printf 'would run: %s\n' "$*"
  else
    "$@"
  fi
}

# systemctl, where this machine itself is installed to and runs systemd.
systemd() {
  [ -z "${root:-}" ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null || return 0
  run systemctl --quiet "$@" || note "systemctl $* failed"
}

# ---- what is refused, before anything changes ----

# The original has a Python of its own; ours runs the machine's.
is_original() {
  for library in "$home"/system/embedded/lib/python*/os.py; do
    [ -f "$library" ] && return 0
  done
  return 1
}

check_original() {
  ! is_original || [ -n "${replace:-}" ] ||
    fail "the original Jetpack is installed in $home; to replace it and keep its configuration, $replace_how"
}

set_original_aside() {
  is_original || return 0
  aside=$home/system/original-$(date -u +%Y%m%dT%H%M%SZ)
  note "moving the original's programs to $aside"
  systemd stop jetpackd.service healthcheck.service
  run mkdir -p "$aside"
  for part in embedded jetpack; do
    # Downloads and cookbooks are the user's.
    [ ! -d "$home/system/$part" ] || run mv "$home/system/$part" "$aside/"
  done
}

# The number is in the file's header, big-endian. It may still be in the write-ahead log: then it is that of
# the version which is installed.
check_outbox() {
  outbox=$home/run/outbox.db
  [ -f "$outbox" ] && [ ! -L "$outbox" ] || return 0
  schema=$(sed -n 's/^outbox_schema=//p' "$home/system/install/steps.sh" 2>/dev/null) || :
  # shellcheck disable=SC2046
  set -- $(od -An -tu1 -j60 -N4 "$outbox" 2>/dev/null)
  [ $# -ne 4 ] || [ $((($1 * 256 + $2) * 65536 + $3 * 256 + $4)) -le "${schema:-0}" ] ||
    schema=$((($1 * 256 + $2) * 65536 + $3 * 256 + $4))
  [ -n "$schema" ] || return 0
  [ "$schema" -le "$outbox_schema" ] ||
    fail "cannot downgrade: $outbox has version $schema, and this jetpack knows $outbox_schema;" \
      "install a newer one, or wait until 'jetpack status' shows an empty outbox and remove $outbox*"
}

# Whether files can be created in the home tree, and run from there.
check_place() {
  [ -z "${dry_run:-}" ] || return 0
  mkdir -p "$home" || fail "cannot create $home: it is read-only or full"
  probe=$home/.install-probe
  { printf '#!/bin/sh\nexit 0\n' >"$probe"; } 2>/dev/null || fail "cannot write to $home: it is read-only or full"
  chmod 755 "$probe"
  if ! "$probe" 2>/dev/null; then
    rm -f "$probe"
    fail "cannot run programs in $home: it is mounted noexec; mount it with exec"
  fi
  rm -f "$probe"
}

# ---- user, group, tree ----

# A free id of a system account, from 999 down.
free_id() {
  id=999
  while cut -d: -f3 "$etc/passwd" "$etc/group" 2>/dev/null | grep -qx "$id"; do id=$((id - 1)); done
  echo "$id"
}

has_entry() { grep -qs "^cyclecloud:" "$etc/$1"; }

is_there() {
  if [ -z "${root:-}" ] && command -v getent >/dev/null; then getent "$1" cyclecloud >/dev/null; else has_entry "$1"; fi
}

# An account that exists is used, whatever its ids are.
create_account() {
  if is_there group && is_there passwd; then return; fi
  if [ -n "${dry_run:-}" ]; then
    printf 'would create: the user and group cyclecloud in %s\n' "$etc"
    return
  fi
  mkdir -p "$etc"
  if [ -z "${root:-}" ] && command -v useradd >/dev/null; then
    is_there group || groupadd --system cyclecloud
    is_there passwd || useradd --system --gid cyclecloud --home-dir "$place" --no-create-home \
      --shell "$(command -v nologin || echo /bin/false)" cyclecloud
    return
  fi
  number=$(free_id)
  has_entry group || printf 'cyclecloud:x:%s:\n' "$number" >>"$etc/group"
  group=$(group_id)
  has_entry passwd || printf 'cyclecloud:x:%s:%s::%s:/usr/sbin/nologin\n' "$number" "$group" "$place" >>"$etc/passwd"
  [ ! -f "$etc/gshadow" ] || grep -q '^cyclecloud:' "$etc/gshadow" || echo 'cyclecloud:!::' >>"$etc/gshadow"
  [ ! -f "$etc/shadow" ] || grep -q '^cyclecloud:' "$etc/shadow" || echo 'cyclecloud:!:1::::::' >>"$etc/shadow"
}

# The id of the group, which may not exist on this machine.
group_id() {
  if [ -z "${root:-}" ] && command -v getent >/dev/null; then
    getent group cyclecloud
  else
    grep '^cyclecloud:' "$etc/group"
  fi | cut -d: -f3
}

# What a group of another id had, as in a tree that was restored or copied.
change_group() {
  old=$(stat -c %g "$home" 2>/dev/null) || return 0
  [ "$old" != 0 ] && [ "$old" != "$group" ] || return 0
  note "changing the group of $home from $old to $group"
  run find "$home/" -xdev -gid "$old" \( -type d -o -links 1 \) -execdir chgrp -h "$group" '{}' '+'
}

create_tree() {
  change_group
  state_tree | while read -r mode path; do
    run mkdir -p "$home/$path"
    run chown "0:$group" "$home/$path"
    run chmod "$mode" "$home/$path"
  done
  # What was written before the group was there.
  run find "$home/config" -maxdepth 1 -type f -gid 0 -links 1 \( -name '*.json' -o -name '*.ini' \) -exec chgrp "$group" '{}' '+'
  # Not touched where it is: members of the group could have put a link there.
  log=$home/logs/jetpack.log
  [ -z "${dry_run:-}" ] && [ ! -L "$log" ] || return 0
  [ "$(stat -c '%u:%g:%a:%h' "$log" 2>/dev/null)" != "0:$group:660:1" ] || return 0
  [ ! -f "$log" ] || mv -fT "$log" "$log.1" || return 0
  : >"$home/.jetpack.log"
  chown "0:$group" "$home/.jetpack.log"
  chmod 0660 "$home/.jetpack.log"
  mv -nT "$home/.jetpack.log" "$log" || :
  rm -f "$home/.jetpack.log"
}

# Each list has the files of a part of the product, as sha256sum writes them.
lists() {
  find "$1/system/install" -name '*.sha256' 2>/dev/null | LC_ALL=C sort
}

# The files that the lists of a tree name.
listed() {
  for list in $(lists "$1"); do sed 's/^[0-9a-f]*  //' "$list"; done
}

# A package over an unpacked tarball: its files that the package does not have are removed.
remember_files() {
  [ ! -d "$home/system/install" ] || listed "$home" >"$home/system/install/replaced-files"
}

remove_replaced() {
  replaced=$home/system/install/replaced-files
  [ -f "$replaced" ] || return 0
  listed "$home" >"$replaced.new"
  { grep -vxF -f "$replaced.new" "$replaced" || :; } | while IFS= read -r file; do rm -f "$home/$file"; done
  rm -f "$replaced" "$replaced.new"
}

own_files() {
  for part in bin include lib plugins share system/bin system/bootstrap/cron_wrapper.sh system/embedded system/install; do
    [ ! -e "$home/$part" ] || run chown -Rh "0:$group" "$home/$part"
  done
}

# ---- the system's files ----

# INTERVAL is a line that callers edit: it is kept, and is no other edit.
sum_of() { sed '/^Environment=INTERVAL=/d' "$1" | sha256sum | cut -d' ' -f1; }

recorded() { sed -n "s|^\([0-9a-f]*\)  $1\$|\1|p" "$record" 2>/dev/null; }

# Whether an administrator has changed the file, or has masked the unit.
is_edited() {
  [ -L "${root:-}$1" ] && return 0
  [ -f "${root:-}$1" ] && [ -n "$(recorded "$1")" ] && [ "$(sum_of "${root:-}$1")" != "$(recorded "$1")" ]
}

make_directory() {
  [ ! -d "$1" ] || return 0
  make_directory "$(dirname "$1")"
  mkdir "$1"
  echo "${1#"${root:-}"}" >>"$made_directories"
}

install_system_file() {
  target=${root:-}$2
  if is_edited "$2" && [ "$(sum_of "$target")" != "$(sum_of "$home/$1")" ]; then
    note "keeping $2, which was edited; ours is $place/$1" >&2
    recorded "$2"
    return
  fi
  sum_of "$home/$1"
  make_directory "$(dirname "$target")"
  interval=$(sed -n 's/^Environment=INTERVAL=\([0-9][0-9]*\)$/\1/p' "$target" 2>/dev/null | tail -n 1)
  sed "s/^Environment=INTERVAL=.*/Environment=INTERVAL=${interval:-10}/" "$home/$1" >"$target.new"
  chmod 644 "$target.new"
  mv -fT "$target.new" "$target"
}

# A new installation enables the units, and starts none: `jetpack initialize` does. Where they were
# disabled, they stay so.
install_system_files() {
  if [ -n "${dry_run:-}" ]; then
    system_files | while read -r _ target; do printf 'would write: %s\n' "${root:-}$target"; done
    return
  fi
  is_new=$([ -f "$record" ] || echo 1)
  system_files | while read -r from target; do
    [ -f "$home/$from" ] || continue
    sum=$(install_system_file "$from" "$target") || exit 1
    printf '%s  %s\n' "$sum" "$target"
  done >"$record.new" || fail "cannot write to $etc: it is read-only or full"
  if [ -n "$is_new" ]; then
    make_directory "$etc/systemd/system/multi-user.target.wants"
    for unit in $enabled_units; do ln -sfn "../$unit" "$etc/systemd/system/multi-user.target.wants/$unit"; done
  fi
  mv -f "$record.new" "$record"
}

remove_system_files() {
  # With `all`, edited ones too.
  system_files | while read -r _ target; do
    [ -e "${root:-}$target" ] || [ -L "${root:-}$target" ] || continue
    if [ "${1:-}" != all ] && is_edited "$target"; then
      note "keeping $target, which was edited"
      continue
    fi
    run rm -f "${root:-}$target"
  done
  for unit in $units; do run rm -f "$etc/systemd/system/multi-user.target.wants/$unit"; done
  [ ! -f "$made_directories" ] || [ -n "${dry_run:-}" ] || sort -r "$made_directories" | while read -r directory; do
    rmdir "${root:-}$directory" 2>/dev/null || :
  done
}

# ---- the steps as a whole ----

# After the files are there: everything else. Running services are restarted, but not converge,
# whose scripts may be what installs this.
configure() {
  create_account
  group=$([ -n "${dry_run:-}" ] && echo cyclecloud || group_id)
  create_tree
  own_files
  install_system_files
  if [ -z "${root:-}" ]; then
    if command -v restorecon >/dev/null; then
      # shellcheck disable=SC2046
      run restorecon -R "$home" $(system_files | cut -d' ' -f2) || :
    fi
    if [ -d /run/udev ] && command -v udevadm >/dev/null; then
      run udevadm control --reload || :
      run udevadm trigger --action=change --subsystem-match=block || :
    fi
  fi
  systemd daemon-reload
  # shellcheck disable=SC2086
  systemd try-restart $enabled_units
  note "installed in $home; next, run: $place/bin/jetpack initialize"
}

# Before the files are removed.
deconfigure() {
  # shellcheck disable=SC2086
  systemd disable --now $units
  note "removing jetpack from $home"
  remove_system_files
  systemd daemon-reload
}

# After they are: directories that are empty now, links to what is gone, what Python compiled.
remove_remains() {
  [ -z "${dry_run:-}" ] && [ -d "$home" ] || return 0
  rm -f "$record" "$notes_file" "$made_directories" "$home/plugins/commands.index"
  for part in bin include lib share system plugins; do
    [ -d "$home/$part" ] || continue
    find "$home/$part" -type d -name __pycache__ -prune -exec rm -rf '{}' '+'
    # Links to the directories that go with this, too.
    find "$home/$part" -depth -type d -empty -delete
    [ ! -d "$home/$part" ] || find "$home/$part" -xtype l -delete
  done
  find "$home/" -xdev -depth -type d -empty -delete
  rmdir "${root:-}/opt/cycle" 2>/dev/null || :
}

# One that an administrator created has another home directory.
remove_account() {
  if [ -z "${root:-}" ] && command -v getent >/dev/null; then
    entry=$(getent passwd cyclecloud) || return 0
  else
    entry=$(grep '^cyclecloud:' "$etc/passwd") || return 0
  fi
  [ "$(echo "$entry" | cut -d: -f6)" = "$place" ] || return 0
  if [ -z "${root:-}" ] && command -v userdel >/dev/null; then
    run userdel cyclecloud || :
    ! is_there group || run groupdel cyclecloud || :
    return
  fi
  for file in passwd group shadow gshadow; do
    [ ! -f "$etc/$file" ] || run sed -i '/^cyclecloud:/d' "$etc/$file"
  done
}

# Not what was installed since by the tarball.
purge() {
  if [ -z "${dry_run:-}" ] && [ -e "$home/bin/jetpack" ]; then
    note "jetpack is installed in $home again; nothing is removed"
    return
  fi
  remove_account
  remove_system_files all
  run rm -rf "$home" || note "not all of $home was removed"
  [ -n "${dry_run:-}" ] || rmdir "${root:-}/opt/cycle" 2>/dev/null || :
}

# ---- the hub's package ----

hub_unit=/etc/systemd/system/jetpack-hub.service

# The user that it runs as, and its unit, which an administrator enables.
configure_hub() {
  if ! getent passwd jetpack-hub >/dev/null; then
    useradd --system --user-group --groups cyclecloud --home-dir /var/lib/jetpack-hub --no-create-home \
      --shell "$(command -v nologin || echo /bin/false)" jetpack-hub
  fi
  cp "$home/plugins/active/jetpack.hub/share/jetpack-hub.service" "$hub_unit.new"
  chmod 0644 "$hub_unit.new"
  mv -f "$hub_unit.new" "$hub_unit"
  systemd daemon-reload
  systemd try-restart jetpack-hub.service
}

# Its data and its user stay.
deconfigure_hub() {
  systemd disable --now jetpack-hub.service
  rm -f "$hub_unit"
  systemd daemon-reload
}
