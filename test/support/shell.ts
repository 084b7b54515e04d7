/**
 * For a command's script: waits until the file is there. In one process: a shell that sleeps starts fifty a second, and a few
 * of those take a whole machine.
 */
export const untilThere = (path: string): string => `perl -e 'select undef, undef, undef, 0.02 until -e $ARGV[0]' ${path}`;
