import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/**
 * What of the host's system a sandbox gets to see, read-only: programs and libraries, and of /etc what they need to work.
 * An allow-list: what is not named here is not there.
 */

const roots = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

const settings = [
  "alternatives",
  "ca-certificates",
  "debian_version",
  "fonts",
  "gai.conf",
  "host.conf",
  "inputrc",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "locale.alias",
  "locale.conf",
  "localtime",
  "magic",
  "mime.types",
  "os-release",
  "perl",
  "pki/ca-trust/extracted",
  "pki/tls/certs",
  "profile",
  "profile.d",
  "protocols",
  "python3",
  "rpc",
  "services",
  "shells",
  "ssl/certs",
  "ssl/openssl.cnf",
  "terminfo",
  "timezone",
];

/** bubblewrap's arguments for the system. */
export function systemArguments(): readonly string[] {
  const present = settings.map((name) => join("/etc", name)).filter((path) => existsSync(path));
  return [["--ro-bind", "/usr", "/usr", "--perms", "0755", "--dir", "/etc"], ...roots.map((name) => rootArguments(join("/", name))), ...present.map((path) => ["--ro-bind", path, path])].flat();
}

/** On most systems a link into /usr. */
function rootArguments(path: string): readonly string[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  return found.isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
}

/** Of the host's network settings what a sandbox needs that shares its network. */
export const networkArguments = (): readonly string[] =>
  ["/etc/resolv.conf", "/etc/hosts"].flatMap((path) => (existsSync(path) ? ["--ro-bind", path, path] : []));
