import { type Abortable, pagesOf, type Transport } from "./transport.ts";
import type { MadeToken, NewToken, Page, Token } from "./wire.ts";

/** Bearer tokens of companies. Needs an operator's token. */
export class Tokens {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Makes a token, which is given this once. Not tried again by itself: the first try may have made one that nobody knows. */
  create(company: string, token: NewToken, options: Abortable = {}): Promise<MadeToken> {
    return this.#transport.json({ method: "POST", path: at(company), body: token, repeatable: false, signal: options.signal });
  }

  /** A company's tokens, oldest first. */
  list(company: string, { pageSize, signal }: Abortable & { readonly pageSize?: number } = {}): AsyncGenerator<Token> {
    return pagesOf((cursor) => this.#transport.json<Page<Token>>({ path: at(company), query: { limit: pageSize, cursor }, repeatable: true, signal }));
  }

  /** Takes a token back by its id: its next request is nobody's. Not tried again by itself: a second try would not find it. */
  revoke(company: string, id: string, options: Abortable = {}): Promise<Token> {
    return this.#transport.json({ method: "DELETE", path: `${at(company)}/${encodeURIComponent(id)}`, repeatable: false, signal: options.signal });
  }
}

const at = (company: string): string => `/v1/companies/${encodeURIComponent(company)}/tokens`;
