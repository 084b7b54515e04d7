#!/bin/sh
# Brings what npm cannot: redis-server (or valkey-server), for the embedded Redis. Silent when there is nothing to do.
#
# On Debian and Ubuntu the packages are downloaded and unpacked into the user's cache, as root and as anybody: nothing is
# installed, no service is started, removing the folder undoes it. Elsewhere it says what to do and ends with 1.
set -eu
exec </dev/null

[ -z "${REDIS_URL:-}" ] || exit 0

runs() { "$1" --version >/dev/null 2>&1; }

for name in redis-server valkey-server; do
  if runs "$name"; then exit 0; fi
done

give_up() {
  cat >&2 <<EOF
leasehold: $1
Leasehold needs Redis 6.2 or newer, or Valkey. Do one of these and start again:
  Debian, Ubuntu   apt-get update && apt-get install -y redis-server
  Fedora, RHEL     dnf install -y valkey
  Alpine           apk add valkey
  macOS            brew install valkey
  anywhere         set REDIS_URL to a server of your own, for example REDIS_URL=redis://127.0.0.1:6379
EOF
  exit 1
}

# The same rule as in redis-binary.ts.
home=${HOME:-}
[ -n "$home" ] || home=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6) || home=
cache=${XDG_CACHE_HOME:-${home:+$home/.cache}}
[ -n "$cache" ] || give_up "neither HOME nor XDG_CACHE_HOME says where to unpack redis-server."
target=$cache/leasehold/redis

if runs "$target/redis-server"; then exit 0; fi

for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null 2>&1 || give_up "there is no redis-server here, and only Debian's and Ubuntu's is unpacked automatically."
done

echo "leasehold: unpacking redis-server into $target (nothing is installed)"

umask 077
mkdir -p "$cache/leasehold" 2>/dev/null || give_up "cannot write to $cache/leasehold."
# A folder of our own until it is complete: two of these may run at once, and either may be killed.
work=$(mktemp -d "$cache/leasehold/redis.new-XXXXXX") || give_up "cannot write to $cache/leasehold."
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
log=$work/log

# Nothing of the system is written: also as root, apt works in our folder.
apt() {
  LC_ALL=C apt-get -q -y -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=1 -o Dir::Cache="$work/cache" \
    -o Dir::State::lists="$lists" "$@"
}
# What an installation would add to this system, in exactly the versions it would take: one NAME=VERSION each.
wanted() {
  apt -s install --no-install-recommends "$1" 2>>"$log" | sed -n 's/^Inst \([^ ]*\) .*(\([^ ]*\) .*/\1=\2/p'
}
choose() {
  packages=$(wanted redis-server)
  [ -n "$packages" ] || packages=$(wanted valkey-server)
  [ -n "$packages" ]
}
fetch() {
  # shellcheck disable=SC2086 # one word per package
  (cd "$work/debs" && apt download $packages) >>"$log" 2>&1
}
mkdir -p "$work/cache/archives/partial" "$work/lists/partial" "$work/debs" "$work/tree"

# With the lists the system has; if there are none, or they name versions that are gone, with fresh ones.
lists=/var/lib/apt/lists
if ! { choose && fetch; }; then
  lists=$work/lists
  if ! { apt update >>"$log" 2>&1 && choose && fetch; }; then
    tail -n 5 "$log" >&2
    give_up "apt-get could not bring redis-server."
  fi
fi
for deb in "$work"/debs/*.deb; do
  dpkg-deb -x "$deb" "$work/tree" >>"$log" 2>&1 || give_up "cannot unpack ${deb##*/}."
done

binary=
for name in redis-server valkey-server; do
  if [ -x "$work/tree/usr/bin/$name" ]; then binary=$name && break; fi
done
[ -n "$binary" ] || give_up "the packages hold no server."
cat >"$work/tree/redis-server" <<EOF
#!/bin/sh
# Runs the unpacked server with the libraries unpacked beside it.
here=\$(cd "\$(dirname "\$0")" && pwd)
for folder in "\$here"/usr/lib/*-linux-* "\$here"/lib/*-linux-*; do
  [ ! -d "\$folder" ] || LD_LIBRARY_PATH=\$folder\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
exec "\$here/usr/bin/$binary" "\$@"
EOF
chmod 755 "$work/tree/redis-server"
runs "$work/tree/redis-server" || give_up "the unpacked redis-server does not run on this system."

# mv -T replaces nothing but an empty folder: whoever is first wins, and one that does not run is moved out of the way.
if [ -d "$target" ] && ! runs "$target/redis-server"; then mv -T "$target" "$work/broken" 2>/dev/null || true; fi
mv -T "$work/tree" "$target" 2>/dev/null || runs "$target/redis-server" || give_up "cannot put redis-server into $target."
