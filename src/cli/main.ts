#!/usr/bin/env node
import { packageVersion } from "../app/version.ts";
import { answer } from "./print.ts";

const argv = process.argv.slice(2);
// Asked for alone, by scripts and by package managers: it needs nothing that takes time to load.
if (argv.length === 1 && argv[0] === "--version") answer(packageVersion());
else process.exitCode = await (await import("./perform.ts")).perform(argv);
