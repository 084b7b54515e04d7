ALTER TABLE "runs" ADD COLUMN "retry_of" uuid;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "producer_run_id" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "producer_issue_id" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "producer_agent_id" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "producer_workspace_id" text;--> statement-breakpoint
CREATE INDEX "activity_of_action" ON "activity_log" USING btree ("company_id","action","id");--> statement-breakpoint
CREATE INDEX "activity_of_entity" ON "activity_log" USING btree ("company_id","entity_id","id");--> statement-breakpoint
CREATE INDEX "activity_of_run" ON "activity_log" USING btree ("company_id","run_id","id") WHERE run_id is not null;--> statement-breakpoint
CREATE INDEX "leases_open_of_company" ON "environment_leases" USING btree ("company_id","id") WHERE status in ('requested', 'acquiring', 'active', 'releasing', 'retained', 'stuck');--> statement-breakpoint
CREATE INDEX "leases_ended_of_company" ON "environment_leases" USING btree ("company_id","status","id") WHERE status in ('released', 'expired', 'failed');--> statement-breakpoint
CREATE INDEX "leases_of_environment" ON "environment_leases" USING btree ("environment_id","id");--> statement-breakpoint
CREATE INDEX "runs_of_environment" ON "runs" USING btree ("environment_id","id");--> statement-breakpoint
CREATE INDEX "runs_of_result" ON "runs" USING btree ("company_id",(case when outcome is null then null when outcome->>'kind' = 'exited' and outcome->>'code' = '0' then 'succeeded'
  when outcome->>'kind' in ('timed_out', 'cancelled', 'lost') then outcome->>'kind' else 'failed' end),"id") WHERE outcome is not null;--> statement-breakpoint
CREATE INDEX "runs_of_producer_run" ON "runs" USING btree ("company_id","producer_run_id","id") WHERE producer_run_id is not null;--> statement-breakpoint
CREATE INDEX "runs_of_producer_issue" ON "runs" USING btree ("company_id","producer_issue_id","id") WHERE producer_issue_id is not null;--> statement-breakpoint
CREATE INDEX "runs_of_producer_agent" ON "runs" USING btree ("company_id","producer_agent_id","id") WHERE producer_agent_id is not null;--> statement-breakpoint
CREATE INDEX "runs_of_producer_workspace" ON "runs" USING btree ("company_id","producer_workspace_id","id") WHERE producer_workspace_id is not null;