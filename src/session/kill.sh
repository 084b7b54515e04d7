# Ends an execution's processes. Answers: verified (its namespace ended), swept (nothing more was found), unverified, stale,
# gone, busy.
control=$1 id=$2 fence=$3 offer=$4 grace=$5
here=$control/x/$id
leader=
read_init "$here"
# Our records are gone: where nothing keeps a command from them, it can remove them. It does not get away by that; what
# carries its cookie is its own, and an execution is started once, so nobody newer can be meant.
if [ ! -e "$control/marker" ] || [ ! -d "$here" ]; then
	now
	deadline=$((now + grace))
	[ ! -e "$here/notes" ] || [ -e "$here/rc" ] || note "$here" killed "$deadline"
	end_tree "$deadline" TERM || answer unverified
	answer swept
fi
lock
check_offer
[ ! -e "$here/tombstone" ] || answer swept
noted "$here" boot boot _
read -r current <"$boot_id_file"
# Another kernel runs by now: no process of before is alive, and the pids are others'.
[ "$boot" = "$current" ] || answer swept
now
deadline=$((now + grace))
# Said before the pid is looked for; the command's process writes its pid and then looks here.
[ -e "$here/rc" ] || note "$here" killed "$deadline"
unlock
# It may have been recorded only now.
read_init "$here"

# The number of the process group is the command's as long as its supervisor waits for it, or its leader lives.
trusted=
if flock -n -s 7 7<"$here/notes"; then
	# A supervisor that died before it read them needs them no more; they hold values of variables.
	rm -f "$here/spec" "$here/in"
else
	trusted=yes
fi
noted "$here" pid pid pid_started _
[ "$pid" = - ] && pid=
if [ -n "$pid" ]; then
	if start_time "$pid" && [ "$started" = "$pid_started" ]; then trusted=yes; fi
	[ -z "$trusted" ] || leader=$pid
fi
end_tree "$deadline" TERM || answer unverified
# The supervisor writes the status now. It also may only just have been about to start the command.
flock -s -w 5 7 7<"$here/notes" || answer unverified
list_tree
[ -z "$tree" ] || answer unverified
# A namespace whose first process is gone holds nobody.
read_init "$here"
[ -z "$recorded" ] || [ -n "$init" ] || answer verified
if [ -n "$pid" ] && [ -z "$trusted" ]; then
	# Without supervisor and leader a process in that group may be the command's or a stranger's.
	leader=$pid
	list_tree
	[ -z "$tree" ] || answer unverified
fi
answer swept
