# Makes a staged directory the lease's workspace, once per tenure (fence). Answers: published, exists (it was done
# before), stale, gone, busy. The stage stays where it is unless it was published.
control=$1 fence=$2 offer=$3 stage=$4 workspace=$5 replaced=$6
lock
record=$control/published
for_fence=-1 by_offer=0
[ ! -e "$record" ] || read -r for_fence by_offer _ <"$record"
if [ "$for_fence" = "$fence" ]; then
	[ "$offer" -ge "$by_offer" ] || answer stale
	answer exists
fi
# Empty, as it was made, or left by the tenure before.
if [ -e "$workspace" ]; then mv -T "$workspace" "$replaced" || exit 1; fi
mv -T "$stage" "$workspace" || exit 1
put "$record" "$fence $offer"
unlock
rm -rf "$replaced"
answer published
