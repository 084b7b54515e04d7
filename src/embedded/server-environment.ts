/** The environment of every program we start here: where to find programs, and nothing of ours, which may hold secrets. */
export const serverEnvironment = (): NodeJS.ProcessEnv => ({
  PATH: [process.env["PATH"], "/usr/local/bin:/usr/bin:/bin"].filter(Boolean).join(":"),
  LC_ALL: "C",
  TZ: "UTC",
});
