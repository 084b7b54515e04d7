ALTER TABLE "executions" ALTER COLUMN "ordinal" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "executions" ADD COLUMN "idempotency_key" text;--> statement-breakpoint
ALTER TABLE "executions" ADD COLUMN "request_hash" "bytea";--> statement-breakpoint
ALTER TABLE "executions" ADD COLUMN "input" jsonb;--> statement-breakpoint
ALTER TABLE "environment_leases" ADD COLUMN "idempotency_key" text;--> statement-breakpoint
ALTER TABLE "environment_leases" ADD COLUMN "request_hash" "bytea";--> statement-breakpoint
ALTER TABLE "environment_leases" ADD COLUMN "max_life_ms" bigint;--> statement-breakpoint
CREATE UNIQUE INDEX "executions_idempotency" ON "executions" USING btree ("lease_id","idempotency_key") WHERE idempotency_key is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "leases_idempotency" ON "environment_leases" USING btree ("company_id","idempotency_key") WHERE idempotency_key is not null;--> statement-breakpoint
ALTER TABLE "executions" ADD CONSTRAINT "executions_final_forgets" CHECK ("executions"."state" <> 'final' or "executions"."input" is null);--> statement-breakpoint
ALTER TABLE "executions" ADD CONSTRAINT "executions_run_has_ordinal" CHECK ("executions"."run_id" is null or "executions"."ordinal" is not null);--> statement-breakpoint
ALTER TABLE "executions" ADD CONSTRAINT "executions_key_has_hash" CHECK (num_nulls("executions"."idempotency_key", "executions"."request_hash") in (0, 2));--> statement-breakpoint
ALTER TABLE "environment_leases" ADD CONSTRAINT "leases_key_has_hash" CHECK (num_nulls("environment_leases"."idempotency_key", "environment_leases"."request_hash") in (0, 2));