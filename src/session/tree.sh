# The processes of an execution: its process group and session, whatever carries its cookie, and where it is enclosed its
# pid namespace. Needs $id; $leader is the pid of the command's first process, empty when the group is not to be trusted
# (its number may be another's now); $init that of its namespace's first process, empty without one.

# read_init DIRECTORY: whether the execution there is enclosed, into $enclosed; whether it is known by which process, into
# $recorded; and that process, into $init and $init_started. Dead: $init is empty, and with a namespace's first process
# the kernel kills all others of it.
read_init() {
	init=
	recorded=
	enclosed=
	[ -p "$1/status.pipe" ] || return 0
	enclosed=yes
	noted "$1" init init init_started _
	if [ "$init" = - ]; then
		init=
		return 0
	fi
	recorded=yes
	start_time "$init" && [ "$started" = "$init_started" ] || init=
}

# list_tree: what is left, as /proc/PID, into $tree. Zombies are gone: they only wait for a parent.
list_tree() {
	tree=
	# Its number may be another's as soon as it is dead: look again. First of all, as it has to know that everybody is told
	# to end before it sees the command end.
	[ -z "$init" ] || start_time "$init" && [ "$started" = "$init_started" ] || init=
	[ -z "$init" ] || tree=" /proc/$init"
	# Looks like a zombie, and is one only without threads that go on. A name may have lines.
	others="( -?[0-9]+){13} ([2-9]|[1-9][0-9]+)"
	if [ -n "$leader" ]; then
		in_group
		members=$(grep -lszE "$in_group" /proc/[0-9]*/stat)
		for file in $members; do
			add_to_tree "${file%/stat}"
		done
		# Nobody of ours can come into a group that is empty, and its number may be another's from now on.
		[ -n "$members" ] || leader=
	fi
	for file in $(grep -lszxF -- "LEASEHOLD_EXECUTION=$id" /proc/[0-9]*/environ); do
		add_to_tree "${file%/environ}"
	done
	if [ -z "$init" ]; then
		# Only its other threads still have the variables.
		for file in $(grep -lszE "^[0-9]+ \(.*\) Z( [0-9]+){3}$others " /proc/[0-9]*/stat); do
			! grep -qszxF -- "LEASEHOLD_EXECUTION=$id" "${file%stat}"task/*/environ || add_to_tree "${file%/stat}"
		done
		return 0
	fi
	for file in /proc/[0-9]*; do
		[ "$file/ns/pid" -ef "/proc/$init/ns/pid" ] && add_to_tree "$file"
	done
}

add_to_tree() {
	case "$tree " in *" $1 "*) ;; *) tree="$tree $1" ;; esac
}

# in_group: what the stat of a process of the leader's group or session looks like that is no zombie, into $in_group.
in_group() {
	group="[0-9]+ ($leader [0-9]+|[0-9]+ $leader)"
	in_group="^[0-9]+ \(.*\) ([^ZX] $group|Z $group$others) "
}

# still_ours /proc/PID: whether it is what it was when it was listed. Looking through all processes takes a while, in which
# one can end and its number become a stranger's.
still_ours() {
	[ -z "$init" ] || [ ! "$1/ns/pid" -ef "/proc/$init/ns/pid" ] || return 0
	[ "$1" != "/proc/$init" ] || return 0
	[ -z "$leader" ] || ! grep -qszE "$in_group" "$1/stat" || return 0
	grep -qszxF -- "LEASEHOLD_EXECUTION=$id" "$1"/task/*/environ
}

# signal_tree SIGNAL: every process once, so that a handler for TERM does not take it for the second, impatient one.
signal_tree() {
	for process in $tree; do
		# What encloses the command takes part only in KILL: it has to tell how the command ended. It is where we are.
		[ "$enclosed$1" != yesTERM ] || [ ! "$process/ns/pid" -ef /proc/self/ns/pid ] || continue
		still_ours "$process" && kill "-$1" "${process#/proc/}" 2>/dev/null
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
			[ -z "$init" ] || kill -KILL "$init" 2>/dev/null
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
