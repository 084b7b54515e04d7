# Takes a lease's whole directory out of use by giving it another name, under its lock. Answers: ok, stale, gone, busy.
control=$1 fence=$2 from=$3 to=$4
lock
mv -T "$from" "$to" || exit 1
answer ok
