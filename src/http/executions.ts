import { getExecution, listExecutions } from "../db/executions.ts";
import { getLease } from "../db/leases.ts";
import { executionRequest } from "../domain/request.ts";
import { cancelExecution } from "../leases/cancel-execution.ts";
import { requestExecution } from "../leases/request-execution.ts";
import { type Execution, execution as executionSchema, executionSummary } from "../wire/execution.ts";
import { pageOf as pageSchema } from "../wire/page.ts";
import { eventsQuery, eventStream, lastEventId } from "./event-stream.ts";
import { idPageQuery, pageOf } from "./input.ts";
import { outputQuery, outputStream } from "./output-stream.ts";
import type { ApiParts } from "./parts.ts";
import { presentExecution } from "./present.ts";
import { bytes, events, idOf, json, type Route, route } from "./route.ts";
import { waitingToStart } from "./waiting.ts";
import { watchedExecution } from "./watched-execution.ts";

const tag = "Executions";
const one = { id: idOf("execution") };
const ofLease = { id: idOf("lease") };

/** Commands by themselves: made in an ad-hoc lease, looked at wherever they are. */
export function executionRoutes(parts: ApiParts): Route[] {
  const { db } = parts;

  const wholeExecution = async (companyId: string, id: string): Promise<Execution> => {
    const execution = await getExecution(db, companyId, id);
    return { ...presentExecution(execution), waiting: await waitingToStart(db, execution) };
  };

  return [
    route(
      {
        method: "POST",
        path: "/v1/leases/:id/executions",
        tag,
        summary: "Have a command run in an ad-hoc lease",
        who: "company",
        params: ofLease,
        headers: ["idempotency-key"],
        body: { schema: executionRequest, checked: false },
        answers: { 201: json(executionSchema, "It is accepted"), 200: json(executionSchema, "It was accepted before, with this key") },
        problems: [409],
      },
      async ({ c, companyId, params: { id }, body }) => {
        const { execution, fresh } = await requestExecution(parts, companyId, id, c.req.header("idempotency-key"), body);
        return c.json(await wholeExecution(companyId, execution.id), fresh ? 201 : 200, { location: `/v1/executions/${execution.id}` });
      },
    ),
    route(
      { method: "GET", path: "/v1/leases/:id/executions", tag, summary: "List a lease's executions, newest first", who: "company", params: ofLease, query: idPageQuery, answers: { 200: json(pageSchema(executionSummary), "A page of executions") } },
      async ({ c, companyId, params: { id }, query: { limit, cursor } }) => {
        await getLease(db, companyId, id);
        const rows = await listExecutions(db, id, { limit: limit + 1, ...(cursor === undefined ? {} : { before: cursor }) });
        return c.json(pageOf(rows, limit, (row) => row.id, presentExecution));
      },
    ),
    route(
      { method: "GET", path: "/v1/executions/:id", tag, summary: "Show an execution", who: "company", params: one, answers: { 200: json(executionSchema, "The execution") } },
      async ({ c, companyId, params: { id } }) => c.json(await wholeExecution(companyId, id)),
    ),
    route(
      { method: "POST", path: "/v1/executions/:id/cancel", tag, summary: "Ask for a command's end", who: "company", params: one, answers: { 200: json(executionSchema, "The execution as it is now") }, problems: [409] },
      async ({ c, companyId, params: { id } }) => {
        await cancelExecution(parts, companyId, id);
        return c.json(await wholeExecution(companyId, id));
      },
    ),
    route(
      { method: "GET", path: "/v1/executions/:id/output", tag, summary: "Read what a command printed, byte for byte", who: "company", params: one, query: outputQuery, answers: { 200: bytes("The bytes of one stream, from the offset on") } },
      async ({ c, companyId, params: { id }, query }) => {
        await getExecution(db, companyId, id);
        return outputStream(c, parts, query, async () => id);
      },
    ),
    route(
      {
        method: "GET",
        path: "/v1/executions/:id/events",
        tag,
        summary: "Follow an execution",
        description: "Server-sent events, as those of a run; `state` is an ExecutionStateEvent.",
        who: "company",
        params: one,
        query: eventsQuery,
        headers: ["last-event-id"],
        answers: { 200: events("What happens to the execution, to its end") },
      },
      async ({ c, companyId, params: { id }, query: { output } }) => {
        const from = lastEventId(c);
        await getExecution(db, companyId, id);
        return eventStream(c, parts, watchedExecution(db, id), { output, from });
      },
    ),
  ];
}
