import { z } from "zod";

/** Calls of the driver that can fail on command, then the calls of the provider under them. */
export const faultyVerbs = ["probe", "acquire", "inspect", "extend", "session", "release", "inventory", "discard"] as const;
export const faultyCalls = ["create", "get", "list", "destroy"] as const;
export type Faulty = (typeof faultyVerbs)[number] | (typeof faultyCalls)[number];

const most = 1_000_000;
const nth = z.number().int().min(1, "calls are counted from 1").max(most);
/** The calls that fail: the nth, or the nth to the mth. Counted per verb and lease key, by all processes together. */
const calls = z.union([nth, z.tuple([nth, nth]).refine(([from, to]) => from <= to, "the first call comes before the last")], "must be a number from 1, or two of them: the first call and the last");

const of = { verb: z.enum([...faultyVerbs, ...faultyCalls]), call: calls };
const ofCreate = { verb: z.literal("create", "only the provider's create can do this"), call: calls };
const ofList = { verb: z.literal("list", "only the provider's list can do this"), call: calls };
const ofOneResource = { verb: z.enum(["acquire", "inspect", "extend", "session", "release", ...faultyCalls], "probe and inventory are about no resource"), call: calls };

const fault = z.discriminatedUnion("fault", [
  /** Fails, and does nothing. `unknown`: with an error that nobody translates. */
  z.strictObject({ ...of, fault: z.literal("fail"), kind: z.enum(["transient", "busy", "refused", "gone", "invalid", "unknown"]) }),
  /** Does nothing until nobody wants the answer any more. */
  z.strictObject({ ...of, fault: z.literal("hang") }),
  /** Does it, and fails as if the answer was lost. */
  z.strictObject({ ...of, fault: z.literal("lose_answer") }),
  /** Fails without an answer; the resource appears later: at the nth call of the provider after this one, or after a time. */
  z
    .strictObject({ ...ofCreate, fault: z.literal("create_late"), afterCalls: nth.optional(), afterMs: z.number().int().min(0).max(86_400_000).optional() })
    .refine((f) => (f.afterCalls === undefined) !== (f.afterMs === undefined), { message: "needs one of afterCalls and afterMs", path: ["afterCalls"] }),
  /** Makes two resources, and tells of one. */
  z.strictObject({ ...ofCreate, fault: z.literal("duplicate") }),
  /** Answers, and then the resource disappears. */
  z.strictObject({ ...ofOneResource, fault: z.literal("vanish") }),
  z.strictObject({ ...ofList, fault: z.literal("list_fails") }),
  /** Leaves out what was made last. */
  z.strictObject({ ...ofList, fault: z.literal("list_stale") }),
]);

/** What is to go wrong, as data. The first entry that fits a call counts. */
export const faultPlan = z.array(fault).max(1000);
export type FaultPlan = z.output<typeof faultPlan>;
export type Fault = FaultPlan[number];

/** The fault of a verb's nth call, if it has one. */
export const faultOf = (plan: FaultPlan, verb: Faulty, n: number): Fault | undefined => plan.find((f) => f.verb === verb && covers(f.call, n));

const covers = (call: Fault["call"], n: number): boolean => (typeof call === "number" ? call === n : call[0] <= n && n <= call[1]);
