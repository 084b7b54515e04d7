# The command's own process, before it becomes the command or what encloses it. Runs in the execution's directory;
# descriptor 5 is to be the command's standard error. What it becomes follows below.
umask 022
start_time $$
note . pid "$$ $started"
# Whoever ends an execution first says so and then looks for a pid; this is the other half.
noted . killed killed _
[ "$killed" = 0 ] || kill -KILL $$
# Its name is one that no variable of a command can have.
LEASEHOLD_HERE=$PWD
# Why the command could not be executed.
failed() {
	note "$LEASEHOLD_HERE" spawn "$1"
}
unset OLDPWD SHLVL
# The program is found by this PATH unless the command's variables bring another one; not exported.
PATH=$1
