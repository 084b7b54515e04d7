# Runs one command and writes down how it ended. Runs in the execution's directory, in a session of its own, with the
# lock on `notes` (descriptor 9), which nothing it starts may inherit: the lock is how others see that it lives.
# Arguments: the execution's id; bytes to keep of each stream; hundredths of a second for watchdog and leftovers; `plain` or
# `enclosed`.
id=$1 limit=$2 watchdog=$3 leftover=$4 how_called=$5
leader=
init=
enclosed=

# read_leader: the pid of the command's first process; empty when there never was one.
read_leader() {
	noted . pid leader leader_started _
	[ "$leader" != - ] || leader=
}

# pump NAME: from the pipe at standard input to the file, as it comes, up to the limit; the rest is counted and thrown
# away, so that the command never stalls or dies of it. Leaves `<kept> <dropped>`, with `-` for a number nobody knows.
pump() {
	kept=0 dropped=0 ended=
	while [ "$kept" -lt "$limit" ]; do
		# dd counts reads, and a read may be short. So: as many reads as fit even if all are full, then again. Reads
		# get smaller towards the limit; else slow small writes would cost one dd each.
		size=$(((limit - kept) / 256))
		[ "$size" -ge 1 ] || size=1
		[ "$size" -le 65536 ] || size=65536
		count=$(((limit - kept) / size))
		stats=$(dd bs="$size" count="$count" 2>&1 >>"$1") || stats=
		# A warning, `<full>+<partial> records in`, the same for out, `<bytes> bytes copied`.
		reads=${stats%% records in*}
		reads=${reads##*[!0-9+]}
		bytes=${stats##* out}
		bytes=${bytes%% byte*}
		bytes=${bytes##*[!0-9]}
		if [ -z "$reads" ] || [ -z "$bytes" ]; then
			# The disk is full, or the file may not grow. How much of the last read was written is not known.
			cat >/dev/null
			note . "$1" "$(wc -c <"$1") -"
			return
		fi
		kept=$((kept + bytes))
		if [ $((${reads%+*} + ${reads#*+})) -lt "$count" ]; then
			ended=yes
			break
		fi
	done
	[ -n "$ended" ] || dropped=$(wc -c)
	note . "$1" "$kept $((dropped))"
}

# record: what is told about an enclosed command. First, by what encloses it and before it runs, the namespace's first
# process; then what that says. Of this only so much is taken as it may say: others in there can write to it too.
record() {
	read -r first
	pid=${first#*\"child-pid\": }
	pid=${pid%%[!0-9]*}
	[ -z "$pid" ] || ! start_time "$pid" || note . init "$pid $started"
	told=$(head -c 200)
	case $told in
	"began "*) note . word "${told%%[!a-z0-9 ]*}" ;;
	*) note . word none ;;
	esac
	cat >/dev/null
}

# watch: ends the processes when nobody has shown interest for too long. Sleeps on the supervisor's lock, so that it is
# gone as soon as the supervisor is.
watch() {
	while :; do
		# The supervisor was killed, and the lease has been given back since: its directory is gone.
		noted . beat beat _ || return
		now
		left=$((beat + watchdog - now))
		[ "$left" -gt 0 ] || break
		left=$((left + 9))
		if flock -s -w "$((left / 100)).$((left / 10 % 10))" 8 8<notes; then
			[ ! -e rc ] || return
			# The supervisor was killed. The command goes on until somebody ends it, or nobody cares any more.
			read_leader
			if [ -n "$leader" ]; then
				start_time "$leader" && [ "$started" = "$leader_started" ] || leader=
			fi
			read_init .
			list_tree
			[ -n "$tree" ] || return
			sleep 1
		fi
	done
	note . killed "$((now + leftover))"
	read_leader
	read_init .
	end_tree "$((now + leftover))" TERM
}

# end_pumps: for when the pipes stay open though the whole tree has ended, held by somebody whom we cannot prove to be
# the command's. Everything in this session but us: pumps and watchdog.
end_pumps() {
	for file in $(grep -lsE "^[0-9]+ \(.*\) [^ZX] [0-9]+ [0-9]+ $$ " /proc/[0-9]*/stat); do
		file=${file#/proc/}
		[ "${file%/stat}" = $$ ] || kill -KILL "${file%/stat}" 2>/dev/null
	done
}

# count NAME: what the pump left, into $kept and $dropped.
count() {
	noted . "$1" kept dropped _
	if [ "$kept" = - ]; then
		kept=$(($(wc -c <"$1")))
		dropped=-
	fi
}

# interpret WORD: how an enclosed command ended, into $kind and $code, from what the first process in there said of it.
interpret() {
	case $1 in
	"began exited "*) kind=exited code=${1##* } ;;
	"began signalled "*) kind=signalled code=${1##* } ;;
	"began spawn exec exited 0") kind= ;;
	# Mostly 126 or 127; the shell itself has others, for a variable that it refuses.
	"began spawn cwd exited 126" | "began spawn exec exited "*)
		kind=spawn_failed code=${1##* }
		spawn=${1#began spawn }
		note . spawn "${spawn%% *}"
		;;
	# Killed with all others in there, in the middle: by one of us, or for want of memory.
	began) kind=signalled code=9 ;;
	# It was never called. What should have enclosed it said why, or was killed.
	none)
		if [ "$killed" != 0 ]; then
			kind=signalled code=9
		else
			kind=spawn_failed code=126
			note . spawn enclosure
		fi
		;;
	*) kind= ;;
	esac
	# Others in there can write to it too: what no command can end with is no end of one.
	case $code in
	[0-9] | [1-9][0-9] | [1-9][0-9][0-9]) [ "$code" -le 255 ] || kind= ;;
	*) kind= ;;
	esac
	[ "$kind" != signalled ] || { [ "$code" -ge 1 ] && [ "$code" -le 64 ]; } || kind=
}

start_time $$
note . supervisor "$$ $started"
exec 3<spec
if [ -e in ]; then exec 4<in; else exec 4</dev/null; fi
# They hold values of variables. Beside them, what a starter left that was killed before it was through.
rm -f spec in "../.$id".*/spec "../.$id".*/in
# The parentheses matter: a shell that closes descriptors for a mere function call keeps copies, and so the lock.
(pump out) <out.pipe 3<&- 4<&- 9>&- &
(pump err) <err.pipe 3<&- 4<&- 9>&- &
(watch) 3<&- 4<&- 9>&- &
recorder=
dying=
if [ "$how_called" = enclosed ]; then
	# Who waits for the command dies with us, what encloses it with that, and with it all in there.
	dying="setpriv --pdeathsig KILL"
	# Nobody may come to write to it: a command that is ended before it begins. Then the recorder sees the end of it when we
	# let go, and waits for nobody to open it.
	exec 6<>status.pipe
	exec 7<status.pipe
	(record) <&7 3<&- 4<&- 6>&- 7<&- 9>&- &
	recorder=$!
	exec 7<&-
fi

# In the foreground: what a shell starts with & ignores SIGINT and SIGQUIT for ever. setsid waits for the command and is
# the one tool that tells an exit status from a signal: it gives a signal's bare number, and says so on its stderr.
$dying setsid --fork --wait env -i "LEASEHOLD_EXECUTION=$id" sh /proc/self/fd/3 "$PATH" \
	<&4 >out.pipe 5>err.pipe 2<>how 4<&- 6>&- 9>&-
code=$?
exec 3<&- 4<&- 6>&-
noted . killed killed _
noted . spawn spawn _
read -r how <how
read_leader
case $how in
*"did not exit normally"*) kind=signalled code=$((code & 127)) ;;
*)
	kind=exited
	if [ -z "$leader" ] || [ "$spawn" != no ]; then kind=spawn_failed; fi
	;;
esac
# setsid itself was killed: how the command ends can never be known. Leave no status rather than a wrong one.
if [ -n "$leader" ] && start_time "$leader" && [ "$started" = "$leader_started" ]; then kind=; fi

read_init .
# What the command left running. A kill that is under way has sent TERM already, and has its own deadline.
if [ "$killed" = 0 ]; then
	now
	end_tree "$((now + leftover))" TERM
else
	end_tree "$killed"
fi
[ -n "$kind" ] || exit 1
if [ -n "$recorder" ]; then
	wait "$recorder"
	noted . word word
	interpret "$word"
fi
[ -n "$kind" ] || exit 1

# With nobody left to write, the pumps end by themselves; not longer than 2 seconds for one who hides from us.
now
drain_until=$((now + 200))
while noted . out out _ && noted . err err _ && { [ "$out" = - ] || [ "$err" = - ]; }; do
	now
	if [ "$now" -ge "$drain_until" ]; then
		end_pumps
		break
	fi
	sleep 0.01
done
count out
record="$kept"
out_dropped=$dropped
count err
[ "$killed" = 0 ] || killed=1
put rc.new "$kind $code $record $kept $out_dropped $dropped $killed"
sync rc.new
mv rc.new rc
