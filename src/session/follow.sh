# Streams an execution's output from byte offsets on, live: standard output to standard output, standard error to
# standard error. Answers on a first line: following, nothing, stale, gone, busy. Ends when the supervisor has ended and
# everything was delivered, when standard input is closed, or when somebody with a higher offer follows.
control=$1 id=$2 fence=$3 offer=$4 out_from=$5 err_from=$6
lock
cd "$control/x/$id" 2>/dev/null || answer nothing
check_offer
[ ! -e tombstone ] || answer nothing

# A worker that lost the execution may hang with its follower still attached.
noted . boot boot _
read -r current <"$boot_id_file"
if [ "$boot" = "$current" ] && [ -e followers ]; then
	while read -r other pid started_at; do
		[ "$other" -ge "$offer" ] || kill_exactly "$pid" "$started_at" TERM
	done <followers
fi
printf 'following\n'
exec 6<&0 7<notes
if flock -n -s 7; then
	unlock
	tail -c "+$((out_from + 1))" out 2>/dev/null &
	tail -c "+$((err_from + 1))" err >&2 2>/dev/null &
	wait
	exit 0
fi
exec 7<&-

# This process ends with the supervisor. The tails watch it, not the supervisor: it is our own child, so its pid
# cannot become another's before we have waited for it.
flock -s 7 7<notes 8>&- 6<&- >/dev/null 2>&1 &
waiter=$!
# The interval only matters where inotify is not to be had.
tail -c "+$((out_from + 1))" -f -s 0.1 --pid=$waiter out 2>/dev/null 8>&- 6<&- &
out_tail=$!
tail -c "+$((err_from + 1))" -f -s 0.1 --pid=$waiter err >&2 2>/dev/null 8>&- 6<&- &
err_tail=$!
ours=
for pid in $waiter $out_tail $err_tail; do
	start_time "$pid" && ours="$ours $pid:$started" && echo "$offer $pid $started" >>followers
done
unlock
# Standard input ends when the worker lets go or dies.
(
	while read -r _; do :; done
	for process in $ours; do kill_exactly "${process%:*}" "${process#*:}" TERM; done
) <&6 6<&- >/dev/null 2>&1 &
watcher=$!
exec 6<&-
wait "$waiter"
# Wakes the tails: makes the kernel report the files as modified, though nothing changes.
fallocate -n -l 1 out 2>/dev/null
fallocate -n -l 1 err 2>/dev/null
wait "$out_tail" "$err_tail"
kill "$watcher"
exit 0
