# Starts one execution, at most once. Standard input: the command's script, then the command's own standard input.
# Answers: started, exists, stale, gone, busy, cut_off (standard input ended early; nothing was started).
#
# The execution's directory is prepared aside, complete, and gets its name by one rename under the lease's lock; that
# name is the only arbiter of whether the command started. From before it has its name, its file `notes` is locked by
# this process, and then by the supervisor, which inherits the lock. So: no lock and no status means nobody will ever
# write a status, whoever died in between, and no pid needs to be believed.
control=$1 id=$2 fence=$3 offer=$4 script_bytes=$5 stdin_bytes=$6
shift 6
umask 077

# copy BYTES FILE: takes exactly so many bytes off standard input.
copy() {
	: >"$2"
	copied=$(dd bs=65536 iflag=fullblock,count_bytes count="$1" 2>&1 >"$2") || return 1
	copied=${copied##* out}
	# shellcheck disable=SC2086
	set -- "$1" $copied
	[ "$2" = "$1" ]
}

[ -e "$control/marker" ] || answer gone
stage=$control/x/.$id.$$
mkdir "$stage" 2>/dev/null || { mkdir "$control/x" 2>/dev/null; mkdir "$stage"; } || exit 1
trap 'rm -rf "$stage"' EXIT
copy "$script_bytes" "$stage/spec" || answer cut_off
# A command that is another user may open its standard input again, as /dev/stdin; the way here by name is closed.
[ "$4" != enclosed ] || umask 033
[ "$stdin_bytes" = 0 ] || copy "$stdin_bytes" "$stage/in" || answer cut_off
umask 077
now
read -r boot <"$boot_id_file"
make_notes "$stage" "$offer" "$now" "$boot"
put "$stage/how" ""
put "$stage/rc.new" ""
: >"$stage/out"
: >"$stage/err"
if [ "$4" = enclosed ]; then
	# The same is true of the others.
	mkfifo -m 622 "$stage/out.pipe" "$stage/err.pipe" "$stage/status.pipe"
else
	mkfifo "$stage/out.pipe" "$stage/err.pipe"
fi
exec 9<>"$stage/notes"
flock 9

lock
if [ -e "$control/x/$id" ]; then
	check_offer
	answer exists
fi
mv -T "$stage" "$control/x/$id" || exit 1
trap - EXIT
unlock
cd "$control/x/$id" || exit 1
# In a process of its own: if nobody listens any more, it is that which dies, and not the command before it began.
(printf 'started\n')
# Last argument: the supervisor's text; the others are its own arguments.
exec setsid --fork sh -c "$5" supervisor "$id" "$1" "$2" "$3" "$4" </dev/null >/dev/null 2>&1
