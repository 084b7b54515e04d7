# The processes of an execution: its process group and session, and whatever carries its cookie. Needs $id; $leader is
# the pid of the command's first process, empty when the group is not to be trusted (its number may be another's now).

# list_tree: what is left, as /proc/PID, into $tree. Zombies are gone: they only wait for a parent.
list_tree() {
	tree=
	if [ -n "$leader" ]; then
		for file in $(grep -lsE "^[0-9]+ \(.*\) [^ZX] [0-9]+ ($leader [0-9]+|[0-9]+ $leader) " /proc/[0-9]*/stat); do
			tree="$tree ${file%/stat}"
		done
	fi
	for file in $(grep -lszxF -- "LEASEHOLD_EXECUTION=$id" /proc/[0-9]*/environ); do
		case "$tree " in *" ${file%/environ} "*) ;; *) tree="$tree ${file%/environ}" ;; esac
	done
}

# signal_tree SIGNAL: every process once, so that a handler for TERM does not take it for the second, impatient one.
signal_tree() {
	for process in $tree; do
		kill "-$1" "${process#/proc/}" 2>/dev/null
	done
}

# end_tree DEADLINE [TERM]: sends TERM first if told so, and from DEADLINE (as `now` counts) on KILL, until nothing is
# left. Fails when something is left 5 seconds after the deadline.
end_tree() {
	list_tree
	[ -n "$tree" ] || return 0
	[ -z "${2:-}" ] || signal_tree "$2"
	nap=0.01
	while :; do
		now
		if [ "$now" -ge "$1" ]; then
			# The whole group in one stroke first, so that nothing forks its way out.
			[ -z "$leader" ] || kill -KILL "-$leader" 2>/dev/null
			signal_tree KILL
			nap=0.01
		fi
		sleep "$nap"
		list_tree
		[ -n "$tree" ] || return 0
		[ "$now" -lt $(($1 + 500)) ] || return 1
		case $nap in 0.01) nap=0.02 ;; 0.02) nap=0.05 ;; 0.05) nap=0.1 ;; *) nap=0.2 ;; esac
	done
}
