# Everything that changes a lease's control directory does so under one lock, after comparing fence and offer.
# Needs $control, $id, $fence, $offer. Scripts answer with one word on a line of its own.

answer() {
	printf '%s\n' "$1"
	exit 0
}

# lock: takes the lease's lock (descriptor 8), then makes sure that the lease is there and the fence not an old one.
lock() {
	[ -e "$control/marker" ] || answer gone
	exec 8>>"$control/lock"
	flock -w 10 8 || answer busy
	# Release moves the directory away under this same lock: what we hold may by now be the lock of a lease that was.
	[ -e "$control/marker" ] || answer gone
	seen=0
	[ ! -e "$control/fence" ] || read -r seen _ <"$control/fence"
	[ "$fence" -ge "${seen:-0}" ] || answer stale
	[ "$fence" -eq "${seen:-0}" ] || put "$control/fence" "$fence"
}

unlock() {
	exec 8>&-
}

# check_offer: the same for one execution, whose directory is there. Under the lock.
check_offer() {
	noted "$control/x/$id" offer seen _
	[ "$offer" -ge "$seen" ] || answer stale
	[ "$offer" -eq "$seen" ] || note "$control/x/$id" offer "$offer"
}
