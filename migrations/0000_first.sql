CREATE TABLE "activity_log" (
	"id" uuid PRIMARY KEY NOT NULL,
	"company_id" uuid NOT NULL,
	"action" text NOT NULL,
	"entity_type" text NOT NULL,
	"entity_id" uuid NOT NULL,
	"run_id" uuid,
	"details" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "api_tokens" (
	"id" uuid PRIMARY KEY NOT NULL,
	"company_id" uuid NOT NULL,
	"name" text NOT NULL,
	"role" text NOT NULL,
	"hash" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "api_tokens_hash" UNIQUE("hash"),
	CONSTRAINT "api_tokens_role" CHECK ("api_tokens"."role" in ('operator', 'producer'))
);
--> statement-breakpoint
CREATE TABLE "companies" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"default_environment_id" uuid,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "companies_name" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "environments" (
	"id" uuid PRIMARY KEY NOT NULL,
	"company_id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"driver" text NOT NULL,
	"backend" text NOT NULL,
	"status" text DEFAULT 'active' NOT NULL,
	"config" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"env_vars" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"max_leases" integer,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "environments_name" UNIQUE("company_id","name"),
	CONSTRAINT "environments_company" UNIQUE("company_id","id"),
	CONSTRAINT "environments_driver" CHECK ("environments"."driver" in ('local', 'ssh', 'sandbox', 'plugin')),
	CONSTRAINT "environments_status" CHECK ("environments"."status" in ('active', 'archived')),
	CONSTRAINT "environments_max_leases" CHECK ("environments"."max_leases" > 0)
);
--> statement-breakpoint
CREATE TABLE "execution_output" (
	"execution_id" uuid NOT NULL,
	"stream" text NOT NULL,
	"start" bigint NOT NULL,
	"bytes" "bytea" NOT NULL,
	CONSTRAINT "execution_output_execution_id_stream_start_pk" PRIMARY KEY("execution_id","stream","start")
);
--> statement-breakpoint
CREATE TABLE "executions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"company_id" uuid NOT NULL,
	"lease_id" uuid NOT NULL,
	"run_id" uuid,
	"ordinal" integer NOT NULL,
	"argv" jsonb NOT NULL,
	"cwd" text,
	"env_names" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"state" text DEFAULT 'created' NOT NULL,
	"offer" integer DEFAULT 0 NOT NULL,
	"claim_owner" text,
	"claim_token" uuid,
	"claim_until" timestamp with time zone,
	"attempt" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone,
	"timeout_ms" bigint NOT NULL,
	"output_limit" bigint NOT NULL,
	"boot_id" text,
	"kill_reason" text,
	"kill_asked_at" timestamp with time zone,
	"outcome" jsonb,
	"killed" text,
	"stdout_bytes" bigint DEFAULT 0 NOT NULL,
	"stderr_bytes" bigint DEFAULT 0 NOT NULL,
	"stdout_dropped" bigint,
	"stderr_dropped" bigint,
	"output_complete" boolean,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"started_at" timestamp with time zone,
	"first_output_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	CONSTRAINT "executions_ordinal" UNIQUE("run_id","ordinal"),
	CONSTRAINT "executions_claim_whole" CHECK (num_nulls(claim_owner, claim_token, claim_until) in (0, 3)),
	CONSTRAINT "executions_state" CHECK ("executions"."state" in ('created', 'starting', 'running', 'final')),
	CONSTRAINT "executions_final_whole" CHECK (("executions"."state" = 'final') = ("executions"."outcome" is not null)),
	CONSTRAINT "executions_final_is_quiet" CHECK ("executions"."state" <> 'final' or ("executions"."claim_token" is null and "executions"."due_at" is null)),
	CONSTRAINT "executions_intent_first" CHECK ("executions"."state" not in ('starting', 'running') or "executions"."boot_id" is not null)
);
--> statement-breakpoint
CREATE TABLE "installation" (
	"id" uuid PRIMARY KEY NOT NULL,
	"singleton" boolean DEFAULT true NOT NULL,
	"fleet_tick" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"calm_until" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "installation_singleton" UNIQUE("singleton"),
	CONSTRAINT "installation_one" CHECK ("installation"."singleton")
);
--> statement-breakpoint
CREATE TABLE "lease_events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"lease_id" uuid NOT NULL,
	"event" text NOT NULL,
	"from_state" text,
	"to_state" text NOT NULL,
	"fence" integer NOT NULL,
	"who" text NOT NULL,
	"why" text,
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "environment_leases" (
	"id" uuid PRIMARY KEY NOT NULL,
	"company_id" uuid NOT NULL,
	"environment_id" uuid,
	"execution_workspace_id" text,
	"issue_id" text,
	"heartbeat_run_id" uuid,
	"status" text NOT NULL,
	"lease_policy" text DEFAULT 'ephemeral' NOT NULL,
	"backend" text NOT NULL,
	"provider" text NOT NULL,
	"config" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"provider_lease_id" text,
	"resource_key" uuid NOT NULL,
	"exclusive_key" text,
	"handle" jsonb,
	"fence" integer DEFAULT 0 NOT NULL,
	"claim_owner" text,
	"claim_token" uuid,
	"claim_until" timestamp with time zone,
	"attempt" integer DEFAULT 0 NOT NULL,
	"host" uuid,
	"ending" text,
	"failure_reason" text,
	"queue_deadline" timestamp with time zone NOT NULL,
	"acquire_deadline" timestamp with time zone,
	"expires_at" timestamp with time zone,
	"max_expires_at" timestamp with time zone NOT NULL,
	"must_destroy" boolean DEFAULT false NOT NULL,
	"unharvested" boolean DEFAULT false NOT NULL,
	"due_at" timestamp with time zone,
	"target" jsonb,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"requested_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"acquired_at" timestamp with time zone,
	"ended_at" timestamp with time zone,
	"releasing_since" timestamp with time zone,
	"released_at" timestamp with time zone,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "leases_claim_whole" CHECK (num_nulls(claim_owner, claim_token, claim_until) in (0, 3)),
	CONSTRAINT "leases_status" CHECK ("environment_leases"."status" in ('requested', 'acquiring', 'active', 'releasing', 'retained', 'stuck', 'released', 'expired', 'failed')),
	CONSTRAINT "leases_policy" CHECK ("environment_leases"."lease_policy" in ('ephemeral', 'reuse_by_environment', 'reuse_by_execution_workspace', 'retain_on_failure')),
	CONSTRAINT "leases_ending" CHECK ("environment_leases"."ending" in ('released', 'expired', 'failed')),
	CONSTRAINT "leases_active_has_resource" CHECK ("environment_leases"."status" not in ('active', 'retained') or ("environment_leases"."handle" is not null and "environment_leases"."expires_at" is not null and "environment_leases"."acquired_at" is not null)),
	CONSTRAINT "leases_ending_known" CHECK ("environment_leases"."status" in ('requested', 'acquiring', 'active') or ("environment_leases"."ending" is not null and "environment_leases"."ended_at" is not null)),
	CONSTRAINT "leases_final_says_so" CHECK (("environment_leases"."status" in ('released', 'expired', 'failed')) = ("environment_leases"."released_at" is not null)),
	CONSTRAINT "leases_final_is_its_ending" CHECK ("environment_leases"."status" not in ('released', 'expired', 'failed') or "environment_leases"."status" = "environment_leases"."ending"),
	CONSTRAINT "leases_final_is_unclaimed" CHECK ("environment_leases"."status" not in ('released', 'expired', 'failed') or ("environment_leases"."claim_token" is null and "environment_leases"."due_at" is null)),
	CONSTRAINT "leases_acquiring_was_claimed" CHECK ("environment_leases"."status" <> 'acquiring' or ("environment_leases"."fence" > 0 and "environment_leases"."acquire_deadline" is not null))
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"company_id" uuid NOT NULL,
	"idempotency_key" text NOT NULL,
	"request_hash" "bytea" NOT NULL,
	"request" jsonb NOT NULL,
	"environment_id" uuid,
	"environment_reason" text,
	"lease_id" uuid,
	"phase" text NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"offer" integer DEFAULT 0 NOT NULL,
	"claim_owner" text,
	"claim_token" uuid,
	"claim_until" timestamp with time zone,
	"attempt" integer DEFAULT 0 NOT NULL,
	"step_after" timestamp with time zone,
	"step_failure" jsonb,
	"due_at" timestamp with time zone,
	"deadline" timestamp with time zone,
	"overdue" boolean DEFAULT false NOT NULL,
	"cancel_requested_at" timestamp with time zone,
	"outcome" jsonb,
	"acquiring_at" timestamp with time zone,
	"realized_at" timestamp with time zone,
	"harvested_at" timestamp with time zone,
	"ended_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "runs_idempotency" UNIQUE("company_id","idempotency_key"),
	CONSTRAINT "runs_claim_whole" CHECK (num_nulls(claim_owner, claim_token, claim_until) in (0, 3)),
	CONSTRAINT "runs_phase" CHECK ("runs"."phase" in ('accepted', 'acquiring', 'realizing', 'executing', 'harvesting', 'releasing', 'ended')),
	CONSTRAINT "runs_ended_whole" CHECK (("runs"."phase" = 'ended') = ("runs"."ended_at" is not null)),
	CONSTRAINT "runs_outcome_when_over" CHECK ("runs"."phase" not in ('harvesting', 'releasing', 'ended') or "runs"."outcome" is not null),
	CONSTRAINT "runs_ended_is_quiet" CHECK ("runs"."phase" <> 'ended' or ("runs"."due_at" is null and "runs"."deadline" is null and "runs"."claim_token" is null)),
	CONSTRAINT "runs_has_lease" CHECK ("runs"."phase" in ('accepted', 'ended') or "runs"."lease_id" is not null)
);
--> statement-breakpoint
CREATE TABLE "workers" (
	"id" uuid PRIMARY KEY NOT NULL,
	"host" uuid NOT NULL,
	"host_name" text NOT NULL,
	"pid" integer NOT NULL,
	"version" text NOT NULL,
	"backends" text[] NOT NULL,
	"started_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"beat_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "activity_log" ADD CONSTRAINT "activity_log_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD CONSTRAINT "api_tokens_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "companies" ADD CONSTRAINT "companies_default_environment_id_environments_id_fk" FOREIGN KEY ("default_environment_id") REFERENCES "public"."environments"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "environments" ADD CONSTRAINT "environments_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "execution_output" ADD CONSTRAINT "output_of_execution" FOREIGN KEY ("execution_id") REFERENCES "public"."executions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "executions" ADD CONSTRAINT "executions_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "executions" ADD CONSTRAINT "executions_lease_id_environment_leases_id_fk" FOREIGN KEY ("lease_id") REFERENCES "public"."environment_leases"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "executions" ADD CONSTRAINT "executions_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "lease_events" ADD CONSTRAINT "lease_events_lease_id_environment_leases_id_fk" FOREIGN KEY ("lease_id") REFERENCES "public"."environment_leases"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "environment_leases" ADD CONSTRAINT "environment_leases_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "environment_leases" ADD CONSTRAINT "environment_leases_environment_id_environments_id_fk" FOREIGN KEY ("environment_id") REFERENCES "public"."environments"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_environment_id_environments_id_fk" FOREIGN KEY ("environment_id") REFERENCES "public"."environments"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_lease_id_environment_leases_id_fk" FOREIGN KEY ("lease_id") REFERENCES "public"."environment_leases"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "activity_of_company" ON "activity_log" USING btree ("company_id","id");--> statement-breakpoint
CREATE INDEX "activity_purge" ON "activity_log" USING btree ("at");--> statement-breakpoint
CREATE UNIQUE INDEX "environments_one_local" ON "environments" USING btree ("company_id") WHERE "environments"."driver" = 'local';--> statement-breakpoint
CREATE INDEX "executions_of_lease" ON "executions" USING btree ("lease_id");--> statement-breakpoint
CREATE INDEX "executions_due" ON "executions" USING btree ("due_at") WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX "lease_events_of_lease" ON "lease_events" USING btree ("lease_id","at");--> statement-breakpoint
CREATE UNIQUE INDEX "leases_one_open_per_resource" ON "environment_leases" USING btree ("backend",coalesce(host, '00000000-0000-0000-0000-000000000000'::uuid),"resource_key") WHERE status in ('requested', 'acquiring', 'active', 'releasing', 'retained', 'stuck');--> statement-breakpoint
CREATE UNIQUE INDEX "leases_one_open_per_directory" ON "environment_leases" USING btree ("exclusive_key") WHERE exclusive_key is not null and status in ('requested', 'acquiring', 'active', 'releasing', 'retained', 'stuck');--> statement-breakpoint
CREATE INDEX "leases_to_acquire" ON "environment_leases" USING btree ("backend","host","requested_at") WHERE status in ('requested', 'acquiring');--> statement-breakpoint
CREATE INDEX "leases_due" ON "environment_leases" USING btree ("due_at") WHERE status in ('releasing', 'stuck');--> statement-breakpoint
CREATE INDEX "leases_queue_deadline" ON "environment_leases" USING btree ("queue_deadline") WHERE status = 'requested';--> statement-breakpoint
CREATE INDEX "leases_acquire_deadline" ON "environment_leases" USING btree ("acquire_deadline") WHERE status = 'acquiring';--> statement-breakpoint
CREATE INDEX "leases_expiry" ON "environment_leases" USING btree ("expires_at") WHERE status in ('active', 'retained');--> statement-breakpoint
CREATE INDEX "leases_releasing_since" ON "environment_leases" USING btree ("releasing_since") WHERE status = 'releasing';--> statement-breakpoint
CREATE INDEX "leases_slots" ON "environment_leases" USING btree ("environment_id") WHERE (status = 'requested' and fence > 0) or status in ('acquiring', 'active', 'releasing', 'stuck');--> statement-breakpoint
CREATE INDEX "leases_of_run" ON "environment_leases" USING btree ("heartbeat_run_id");--> statement-breakpoint
CREATE INDEX "leases_of_company" ON "environment_leases" USING btree ("company_id","id");--> statement-breakpoint
CREATE INDEX "leases_purge" ON "environment_leases" USING btree ("released_at") WHERE released_at is not null;--> statement-breakpoint
CREATE INDEX "runs_due" ON "runs" USING btree ("due_at") WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX "runs_deadline" ON "runs" USING btree ("deadline") WHERE deadline is not null;--> statement-breakpoint
CREATE INDEX "runs_of_company" ON "runs" USING btree ("company_id","id");--> statement-breakpoint
CREATE INDEX "runs_of_lease" ON "runs" USING btree ("lease_id");--> statement-breakpoint
CREATE INDEX "runs_open" ON "runs" USING btree ("company_id","id") WHERE phase <> 'ended';--> statement-breakpoint
CREATE INDEX "runs_purge" ON "runs" USING btree ("ended_at") WHERE ended_at is not null;--> statement-breakpoint
CREATE INDEX "workers_beat" ON "workers" USING btree ("beat_at");