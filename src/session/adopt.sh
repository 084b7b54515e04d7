# Takes over a lease's control directory for a new fence. Answers: ok, stale, gone, busy.
control=$1 fence=$2
lock
answer ok
