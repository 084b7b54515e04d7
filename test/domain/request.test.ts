import { expectTypeOf, it } from "vitest";
import type { z } from "zod";
import type { executionRequest, ExecutionRequestInput, leaseRequest, LeaseRequestInput, runRequest, RunRequestInput } from "../../src/domain/request.ts";
import type { Immutable } from "../../src/wire/immutable.ts";

it("the types of requests, written for people, are those of the schemas", () => {
  expectTypeOf<Immutable<RunRequestInput>>().toEqualTypeOf<Immutable<z.input<typeof runRequest>>>();
  expectTypeOf<Immutable<LeaseRequestInput>>().toEqualTypeOf<Immutable<z.input<typeof leaseRequest>>>();
  expectTypeOf<Immutable<ExecutionRequestInput>>().toEqualTypeOf<Immutable<z.input<typeof executionRequest>>>();
});
