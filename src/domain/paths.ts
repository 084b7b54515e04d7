/** Whether `path` is `directory` or lies in it. Both absolute, with no link, `..` or slash at the end in them. */
export const isWithin = (path: string, directory: string): boolean => path === directory || path.startsWith(directory.endsWith("/") ? directory : `${directory}/`);
