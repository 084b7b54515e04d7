/** Shells that can be told how to complete `leasehold`. */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/**
 * What each shell is to read once. All ask the program itself, with the words that are typed: what it says is as it is now,
 * and is taken as text, never run. Where it says nothing the shell completes files.
 */
export const completionScripts: Readonly<Record<Shell, string>> = {
  bash: `_leasehold() {
	local word
	COMPREPLY=()
	while IFS= read -r word; do
		printf -v word %q "\${word%%$'\\t'*}"
		COMPREPLY+=("$word")
	done < <(leasehold complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o bashdefault -o default -F _leasehold leasehold`,
  zsh: `#compdef leasehold
_leasehold() {
	local line
	local -a described
	for line in "\${(@f)$(leasehold complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
		[[ -z $line ]] || described+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
	done
	if (( $#described )); then _describe -t leasehold leasehold described; else _files; fi
}
compdef _leasehold leasehold`,
  fish: `function __leasehold_complete
	set -l words (commandline -opc)
	set -l found (leasehold complete -- $words[2..] (commandline -ct) 2>/dev/null)
	if test (count $found) -gt 0
		printf '%s\\n' $found
	else
		__fish_complete_path (commandline -ct)
	end
end
complete -c leasehold -f -a '(__leasehold_complete)'`,
};

/** Where each shell looks for it. */
export const completionPlaces: Readonly<Record<Shell, string>> = {
  bash: "leasehold completion bash >/etc/bash_completion.d/leasehold",
  zsh: "leasehold completion zsh >\"${fpath[1]}/_leasehold\"",
  fish: "leasehold completion fish >~/.config/fish/completions/leasehold.fish",
};
