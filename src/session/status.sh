# Says what is known of an execution. Answers: gone, absent, tombstone, running; the record of how it ended, and for
# spawn_failed what was said about it; or orphaned, with the current boot id, its own, and the sizes.
control=$1 id=$2
here=$control/x/$id
if [ ! -d "$here" ]; then
	# In this order: a lease that is being released loses both at once.
	[ -e "$control/marker" ] || answer gone
	answer absent
fi
[ ! -e "$here/tombstone" ] || answer tombstone
if [ ! -e "$here/rc" ]; then
	exec 7<"$here/notes"
	flock -n -s 7 || answer running
fi
if [ -e "$here/rc" ]; then
	read -r record <"$here/rc"
	printf '%s\n' "$record"
	case $record in
	spawn_failed*)
		noted "$here" spawn spawn _
		read -r how <"$here/how"
		printf '%s\n%s\n' "$spawn" "$how"
		dd bs=500 count=1 if="$here/err" 2>/dev/null
		;;
	esac
	exit 0
fi
read -r boot <"$boot_id_file"
noted "$here" boot own _
out=$(wc -c <"$here/out")
err=$(wc -c <"$here/err")
answer "orphaned $boot $own $((out)) $((err))"
