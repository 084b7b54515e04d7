# The shell that becomes the command. Directory, variables and arguments follow below.
exec 3<&-
# Runs only if the command could not be executed; an exec that works leaves no shell behind to run it. bash does not
# run it either when exec fails; told so, it goes on behind the exec instead.
trap 'failed exec' EXIT
# shellcheck disable=SC3044
[ -z "${BASH_VERSION:-}" ] || shopt -s execfail
