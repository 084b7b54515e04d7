# What every script of ours needs: records, the clock, and telling one process from another.

boot_id_file=/proc/sys/kernel/random/boot_id

# put FILE WORDS: overwrites a file of one line in place, in one write, padded to a fixed width. It is made when the
# directory around it is, so that writing it later needs no space on a disk that is full by then.
put() {
	printf '%-100s\n' "$2" 1<>"$1"
}

# What is noted of an execution: lines of one file, each of that width, for the same reason. One file, as on some file
# systems making one costs more than starting a process.
line_of() {
	case $1 in
	offer) line=0 ;;
	beat) line=1 ;;
	killed) line=2 ;;
	boot) line=3 ;;
	supervisor) line=4 ;;
	pid) line=5 ;;
	init) line=6 ;;
	word) line=7 ;;
	spawn) line=8 ;;
	out) line=9 ;;
	err) line=10 ;;
	esac
}

# make_notes DIRECTORY OFFER BEAT BOOT: as they are before anything has happened.
make_notes() {
	printf '%-100s\n' "$2" "$3" 0 "$4" - - - - no - - >"$1/notes"
}

# note DIRECTORY NAME WORDS: in one write; who writes another one at the same time does not meet it.
note() {
	line_of "$2"
	{
		while [ "$line" -gt 0 ]; do
			read -r _
			line=$((line - 1))
		done
		printf '%-100s\n' "$3" >&0
	} <>"$1/notes"
}

# noted DIRECTORY NAME VARIABLE...: its words into the variables. Fails when there are no notes.
noted() {
	notes=$1/notes
	line_of "$2"
	shift 2
	[ -e "$notes" ] || return 1
	{
		while [ "$line" -gt 0 ]; do
			read -r _
			line=$((line - 1))
		done
		read -r "$@"
	} <"$notes"
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
	case ${1:-X} in
	X) return 1 ;;
	# One whose first thread has ended looks like a zombie as long as its others go on.
	Z) [ "${18:-1}" -gt 1 ] || return 1 ;;
	esac
	started=${20}
}

# kill_exactly PID START SIGNAL: signals the process only if it still is the one that was meant.
kill_exactly() {
	start_time "$1" && [ "$started" = "$2" ] && kill "-$3" "$1" 2>/dev/null
}
