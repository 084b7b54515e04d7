import { createHash } from "node:crypto";

/** One line per test, and last the digest of everything printed before: whoever has the output can check that it is all there. */
export default async function* report(source) {
  const digest = createHash("sha256");
  const say = (text) => {
    digest.update(text);
    return text;
  };
  let passed = 0;
  let failed = 0;
  for await (const event of source) {
    if (event.type === "test:pass" && event.data.nesting === 0) {
      passed += 1;
      yield say(`ok   ${event.data.name}\n`);
    } else if (event.type === "test:fail" && event.data.nesting === 0) {
      failed += 1;
      yield say(`FAIL ${event.data.name}: ${event.data.details.error.message}\n`);
    }
  }
  yield say(`${passed} passed, ${failed} failed\n`);
  yield `sha256 ${digest.digest("hex")}\n`;
}
