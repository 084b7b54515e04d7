/** `text` as one word of a POSIX shell, whatever is in it. NUL is not possible in a word; callers refuse it before. */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
