#!/bin/sh
# Brings what npm cannot: redis-server (or valkey-server) for the embedded Redis, and bubblewrap for sandboxes. Silent when
# there is nothing to do.
#
# On Debian and Ubuntu the packages are downloaded and unpacked into a cache, as root and as anybody: nothing is installed,
# no service is started, removing the folder undoes it. Elsewhere it says what to do. Without a Redis it ends with 1; without
# bubblewrap there are no sandboxes, and everything else works.
set -eu
exec </dev/null

runs() { "$1" --version >/dev/null 2>&1; }

without_redis() {
  cat >&2 <<EOT
leasehold: $1
Leasehold needs Redis 6.2 or newer, or Valkey. Do one of these and start again:
  Debian, Ubuntu   apt-get update && apt-get install -y redis-server
  Fedora, RHEL     dnf install -y valkey
  Alpine           apk add valkey
  macOS            brew install valkey
  anywhere         set REDIS_URL to a server of your own, for example REDIS_URL=redis://127.0.0.1:6379
EOT
  exit 1
}

without_bubblewrap() {
  cat >&2 <<EOT
leasehold: $1
There will be no sandboxes here; everything else works. To have them install bubblewrap 0.8 or newer:
  Debian, Ubuntu   apt-get update && apt-get install -y bubblewrap
  Fedora, RHEL     dnf install -y bubblewrap
  Alpine           apk add bubblewrap
EOT
  exit 0
}

# The same rule as in redis-binary.ts.
home=${HOME:-}
[ -n "$home" ] || home=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6) || home=
cache=${XDG_CACHE_HOME:-${home:+$home/.cache}}
[ -z "$cache" ] || cache=$cache/leasehold

# Nothing of the system is written: also as root, apt works in our folder.
apt() {
  LC_ALL=C apt-get -q -y -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=1 -o Dir::Cache="$work/cache" \
    -o Dir::State::lists="$lists" "$@"
}
# What an installation would add to this system, in exactly the versions it would take: one NAME=VERSION each.
wanted() {
  apt -s install --no-install-recommends "$1" 2>>"$log" | sed -n 's/^Inst \([^ ]*\) .*(\([^ ]*\) .*/\1=\2/p'
}
# choose PACKAGE...: the first of them that is to be had.
choose() {
  for package; do
    packages=$(wanted "$package")
    [ -z "$packages" ] || return 0
  done
  return 1
}
fetch() {
  # shellcheck disable=SC2086 # one word per package
  (cd "$work/debs" && apt download $packages) >>"$log" 2>&1
}

# unpack PROGRAM FOLDER REFUSAL PACKAGE...: puts the first of the packages that is to be had into the folder, with PROGRAM
# at its top. In a subshell: what it makes aside, it removes.
unpack() (
  program=$1 target=$2 give_up=$3
  shift 3
  for tool in apt-get dpkg-deb; do
    command -v "$tool" >/dev/null 2>&1 || "$give_up" "there is no $program here, and only Debian's and Ubuntu's is unpacked automatically."
  done
  echo "leasehold: unpacking $program into $target (nothing is installed)"
  parent=${target%/*}
  mkdir -p "$parent" 2>/dev/null || "$give_up" "cannot write to $parent."
  # A folder of our own until it is complete: two of these may run at once, and either may be killed.
  work=$(mktemp -d "$target.new-XXXXXX") || "$give_up" "cannot write to $parent."
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  log=$work/log
  mkdir -p "$work/cache/archives/partial" "$work/lists/partial" "$work/debs" "$work/tree"

  # With the lists the system has; if there are none, or they name versions that are gone, with fresh ones.
  lists=/var/lib/apt/lists
  if ! { choose "$@" && fetch; }; then
    lists=$work/lists
    if ! { apt update >>"$log" 2>&1 && choose "$@" && fetch; }; then
      tail -n 5 "$log" >&2
      "$give_up" "apt-get could not bring $program."
    fi
  fi
  for deb in "$work"/debs/*.deb; do
    dpkg-deb -x "$deb" "$work/tree" >>"$log" 2>&1 || "$give_up" "cannot unpack ${deb##*/}."
  done

  binary=
  for name in "$program" valkey-server; do
    if [ -x "$work/tree/usr/bin/$name" ]; then binary=$name && break; fi
  done
  [ -n "$binary" ] || "$give_up" "the packages hold no $program."
  cat >"$work/tree/$program" <<EOT
#!/bin/sh
# Runs the unpacked program with the libraries unpacked beside it.
here=\$(cd "\$(dirname "\$0")" && pwd)
for folder in "\$here"/usr/lib/*-linux-* "\$here"/lib/*-linux-*; do
  [ ! -d "\$folder" ] || LD_LIBRARY_PATH=\$folder\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
done
[ -z "\${LD_LIBRARY_PATH:-}" ] || export LD_LIBRARY_PATH
exec "\$here/usr/bin/$binary" "\$@"
EOT
  chmod 755 "$work/tree" "$work/tree/$program"
  runs "$work/tree/$program" || "$give_up" "the unpacked $program does not run on this system."

  # mv -T replaces nothing but an empty folder: whoever is first wins, and one that does not run is moved out of the way.
  if [ -d "$target" ] && ! runs "$target/$program"; then mv -T "$target" "$work/broken" 2>/dev/null || true; fi
  mv -T "$work/tree" "$target" 2>/dev/null || runs "$target/$program" || "$give_up" "cannot put $program into $target."
)

redis() {
  [ -z "${REDIS_URL:-}" ] || return 0
  for name in redis-server valkey-server; do
    if runs "$name"; then return 0; fi
  done
  [ -n "$cache" ] || without_redis "neither HOME nor XDG_CACHE_HOME says where to unpack redis-server."
  if runs "$cache/redis/redis-server"; then return 0; fi
  umask 077
  unpack redis-server "$cache/redis" without_redis redis-server valkey-server
}

bubblewrap() {
  # As root each sandbox is a user of its own, who has to reach the program. The same rule as in bubblewrap-folder.ts.
  folder=/var/cache/leasehold/bubblewrap
  if runs bwrap || runs "$folder/bwrap"; then return 0; fi
  umask 022
  if [ "$(id -u)" != 0 ]; then
    [ -n "$cache" ] || return 0
    folder=$cache/bubblewrap
    umask 077
    if runs "$folder/bwrap"; then return 0; fi
  fi
  unpack bwrap "$folder" without_bubblewrap bubblewrap
}

redis
[ "$(uname -s 2>/dev/null)" != Linux ] || bubblewrap
