import type { MiddlewareHandler } from "hono";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { rateWindow } from "../domain/defaults.ts";
import { busy } from "../domain/errors.ts";
import type { ApiEnv } from "./parts.ts";

/**
 * Bounds what each token may ask of this process: `perSecond` on average, over ten seconds, so that a burst passes. 0 is no bound.
 * Counted here and not in Redis: it costs nothing, and bounds the same while Redis is away. A stream counts when it begins.
 */
export function limitRate(perSecond: number): MiddlewareHandler<ApiEnv> {
  if (perSecond === 0) return (_c, next) => next();
  const limiter = new RateLimiterMemory({ points: perSecond * rateWindow, duration: rateWindow });
  return async (c, next) => {
    await limiter.consume(c.var.identity.tokenId).catch((refusal: unknown) => {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      const retryAfter = Math.ceil(refusal.msBeforeNext / 1000);
      throw busy("requests_too_many", `this token asks for more than ${perSecond} requests a second; come again in ${retryAfter} s`, { status: 429, retryAfter });
    });
    await next();
  };
}
