# What every script of ours needs: records, the clock, and telling one process from another.

boot_id_file=/proc/sys/kernel/random/boot_id

# put FILE WORDS: overwrites a record in place, in one write, padded to a fixed width. Records are made when the
# execution's directory is made, so that writing one later needs no space on a disk that is full by then.
put() {
	printf '%-100s\n' "$2" 1<>"$1"
}

# now: hundredths of a second since boot, into $now. Monotonic; the wall clock may jump.
now() {
	read -r now _ </proc/uptime
	now=${now%.*}${now#*.}
}

# start_time PID: when the process started, in ticks since boot, into $started; empty when it is gone or a zombie.
# A pid may be used again, a pid with its start time is not (within one boot).
start_time() {
	started=
	stat=
	# The program's name stands in it and may contain anything, newlines too.
	{ while IFS= read -r line || [ -n "$line" ]; do stat="$stat $line"; done <"/proc/$1/stat"; } 2>/dev/null || return 1
	# shellcheck disable=SC2086
	set -- ${stat##*) }
	case ${1:-X} in Z | X) return 1 ;; esac
	started=${20}
}

# kill_exactly PID START SIGNAL: signals the process only if it still is the one that was meant.
kill_exactly() {
	start_time "$1" && [ "$started" = "$2" ] && kill "-$3" "$1" 2>/dev/null
}
