# The command's own process, before it becomes the command. Runs in the execution's directory; descriptor 5 is to be
# the command's standard error. Variables, directory and arguments follow below, as script.
exec 3<&-
umask 022
start_time $$
put pid "$$ $started"
# Whoever ends an execution first says so and then looks for a pid; this is the other half.
read -r killed _ <killed
[ "$killed" = 0 ] || kill -KILL $$
here=$PWD
# Runs only if the command could not be executed; an exec that works leaves no shell behind to run it. bash does not
# run it either when exec fails; told so, it goes on behind the exec instead.
trap 'put "$here/spawn" exec' EXIT
# shellcheck disable=SC3044
[ -z "${BASH_VERSION:-}" ] || shopt -s execfail
unset OLDPWD SHLVL
# The program is found by this PATH unless the command's variables bring another one; not exported.
PATH=$1
