import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Hono } from "hono";
import type { ApiEnv } from "./parts.ts";
import { packageDirectory } from "../package-directory.ts";
import { openApiOf } from "./openapi.ts";
import type { Route } from "./route.ts";

/** The page and what it loads: all of it comes from here, and nothing is asked of anybody else. */
const policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Leasehold API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="api"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;
const start = `SwaggerUIBundle({ url: "/openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null, tryItOutEnabled: true });\n`;

const assets: Readonly<Record<string, string>> = { "swagger-ui.css": "text/css; charset=utf-8", "swagger-ui-bundle.js": "text/javascript; charset=utf-8" };

/** `/openapi.json`, made of the routes themselves, and a page to read it. No token: it says nothing about anybody. */
export function documentation(api: Hono<ApiEnv>, routes: readonly Route[], version: string): void {
  let text: string | undefined;
  api.get("/openapi.json", (c) => c.body((text ??= JSON.stringify(openApiOf(routes, version))), 200, { "content-type": "application/json", "cache-control": "no-cache" }));
  const guarded = { "content-security-policy": policy, "x-content-type-options": "nosniff", "cache-control": "no-cache" };
  api.get("/docs", (c) => c.body(page, 200, { ...guarded, "content-type": "text/html; charset=utf-8" }));
  api.get("/docs/start.js", (c) => c.body(start, 200, { ...guarded, "content-type": "text/javascript; charset=utf-8" }));
  for (const [name, type] of Object.entries(assets)) api.get(`/docs/${name}`, async (c) => c.body(await asset(name), 200, { ...guarded, "content-type": type }));
}

/** As the build has copied it. */
const asset = (name: string): Promise<string> => readFile(join(packageDirectory(), "dist/swagger-ui", name), "utf8");
