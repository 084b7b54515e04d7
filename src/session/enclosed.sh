# The first process of an enclosure's pid namespace: calls the command and tells how it ended, on descriptor 7. Nobody in
# here can kill it; when it ends, the kernel kills whoever is left in here. Descriptor 3 is the script, 5 the command's
# standard error. Arguments: the byte of the script at which the command's own part begins; milliseconds for leftovers.
#
# Says: `began`, then maybe `spawn <why>`, then `exited <code>`, `signalled <number>` or `unknown`.
exec 2>/dev/null 8>&1
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
from=$1 grace=$2
# Whoever ends the command has told everybody in here once.
asked=
trap 'asked=yes' TERM
printf 'began ' >&7

# In the foreground, as what a shell starts with & ignores signals for ever. setsid tells an exit status from a signal.
# Those who wait ignore what a command may send to everybody; the command gets the defaults back.
told=$(
	trap '' HUP INT QUIT USR1 USR2 PIPE ALRM TERM TTIN TTOU VTALRM PROF XCPU XFSZ IO
	setsid --fork --wait env --unset=PATH --default-signal /bin/sh -c '
		echo $$ >&2
		failed() { printf "spawn %s " "$1" >/proc/1/fd/7; }
		# The program is found by this PATH unless the variables bring another one; not exported.
		PATH=$2
		eval "$(tail -c "+$1" <&3)"
	' leasehold "$from" "$PATH" 2>&1 >&8 7>&- 8>&-
	echo "status $?"
)
exec 8>&-
# Whoever told everybody to end has a deadline of its own, and kills whom it finds in here then. Not to be mixed up with
# somebody who comes when the command has ended by itself.
patient=$asked
pid=${told%%[!0-9]*}
code=${told##*status }
case $told in
*"did not exit normally"*"status "*) word="signalled $((code & 127))" ;;
*"status "*) word="exited $code" ;;
*)
	# Whoever waited was killed along with everybody else: the command ends with us, if it has not ended yet.
	word=unknown
	if kill -STOP "$pid" 2>/dev/null; then
		read -r stat <"/proc/$pid/stat" 2>/dev/null
		case ${stat##*) } in [TtRSD]*) word="signalled 9" ;; esac
	fi
	grace=0
	patient=
	;;
esac
printf '%s\n' "$word" >&7
exec 7>&-

# What the command left running.
[ -n "$patient" ] || kill -TERM -1 2>/dev/null
set -- /proc/[0-9]*
if [ "$patient$grace" != 0 ] && [ $# -gt 1 ]; then
	read -r now _ </proc/uptime
	now=${now%.*}${now#*.}
	deadline=$((now + grace / 10))
	while set -- /proc/[0-9]* && [ $# -gt 1 ] && { [ -n "$patient" ] || [ "$now" -lt "$deadline" ]; }; do
		sleep 0.02 || break
		read -r now _ </proc/uptime
		now=${now%.*}${now#*.}
	done
fi
exit 0
