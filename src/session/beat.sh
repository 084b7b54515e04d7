# Tells the watchdog that somebody still cares. Answers: ok, stale, gone, busy.
control=$1 id=$2 fence=$3 offer=$4
lock
[ -e "$control/x/$id/notes" ] || answer ok
check_offer
now
note "$control/x/$id" beat "$now"
answer ok
