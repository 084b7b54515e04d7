CREATE SEQUENCE "public"."acquire_turn" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;--> statement-breakpoint
CREATE TABLE "acquire_turns" (
	"backend" text NOT NULL,
	"company_id" uuid NOT NULL,
	"turn" bigint NOT NULL,
	CONSTRAINT "acquire_turns_backend_company_id_pk" PRIMARY KEY("backend","company_id")
);
--> statement-breakpoint
ALTER TABLE "companies" ADD COLUMN "max_leases" integer;--> statement-breakpoint
ALTER TABLE "environment_leases" ADD COLUMN "priority" smallint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "acquire_turns" ADD CONSTRAINT "acquire_turns_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "leases_waiting" ON "environment_leases" USING btree ("backend",coalesce(host, '00000000-0000-0000-0000-000000000000'::uuid),"company_id",coalesce(environment_id, '00000000-0000-0000-0000-000000000000'::uuid),"priority" DESC NULLS FIRST,"requested_at","id") WHERE status = 'requested';--> statement-breakpoint
CREATE INDEX "leases_begun" ON "environment_leases" USING btree ("backend",coalesce(host, '00000000-0000-0000-0000-000000000000'::uuid),coalesce(due_at, requested_at)) WHERE status = 'acquiring';--> statement-breakpoint
CREATE INDEX "leases_slots_of_company" ON "environment_leases" USING btree ("company_id") WHERE (status = 'requested' and fence > 0) or status in ('acquiring', 'active', 'releasing', 'stuck');--> statement-breakpoint
CREATE INDEX "runs_due_now" ON "runs" USING btree ("due_at") WHERE due_at is not null and (phase <> 'accepted' or overdue or cancel_requested_at is not null);--> statement-breakpoint
CREATE INDEX "runs_woken" ON "runs" USING btree ("company_id") WHERE phase in ('acquiring', 'realizing') and due_at is not null;--> statement-breakpoint
CREATE INDEX "runs_accepted" ON "runs" USING btree ("company_id","id") WHERE phase = 'accepted';--> statement-breakpoint
CREATE INDEX "executions_unstarted" ON "executions" USING btree ("company_id") WHERE state in ('created', 'starting');--> statement-breakpoint
ALTER TABLE "companies" ADD CONSTRAINT "companies_max_leases" CHECK ("companies"."max_leases" > 0);--> statement-breakpoint
ALTER TABLE "environment_leases" ADD CONSTRAINT "leases_priority" CHECK ("environment_leases"."priority" between -10 and 10);