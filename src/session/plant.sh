# Makes sure an execution never starts, by taking its name. Answers: planted, exists, stale, gone, busy.
control=$1 id=$2 fence=$3 offer=$4
umask 077
[ -e "$control/marker" ] || answer gone
stage=$control/x/.$id.$$
mkdir "$stage" 2>/dev/null || { mkdir "$control/x" 2>/dev/null; mkdir "$stage"; } || exit 1
trap 'rm -rf "$stage"' EXIT
make_notes "$stage" "$offer" 0 -
: >"$stage/tombstone"
lock
if [ -e "$control/x/$id" ]; then
	check_offer
	[ ! -e "$control/x/$id/tombstone" ] || answer planted
	answer exists
fi
mv -T "$stage" "$control/x/$id" || exit 1
trap - EXIT
# Nobody can start it any more: what a starter that died left aside, values of variables in it, is of no use.
rm -f "$control/x/.$id".*/spec "$control/x/.$id".*/in
answer planted
