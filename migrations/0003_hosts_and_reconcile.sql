CREATE TABLE "hosts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"backends" text[] NOT NULL,
	"draining_at" timestamp with time zone,
	"witness" uuid,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"beat_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "reconcile_endpoints" (
	"endpoint" text PRIMARY KEY NOT NULL,
	"backend" text NOT NULL,
	"host" uuid,
	"claim_owner" text,
	"claim_token" uuid,
	"claim_until" timestamp with time zone,
	"attempt" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"listed_at" timestamp with time zone,
	"listed" integer,
	"orphans" integer,
	"vanished" integer,
	"duplicates" integer,
	"deferred" integer,
	"failure" text,
	CONSTRAINT "reconcile_endpoints_claim_whole" CHECK (num_nulls(claim_owner, claim_token, claim_until) in (0, 3))
);
--> statement-breakpoint
CREATE TABLE "reconcile_findings" (
	"endpoint" text NOT NULL,
	"resource_key" uuid NOT NULL,
	"provider_lease_id" text DEFAULT '' NOT NULL,
	"kind" text NOT NULL,
	"first_seen_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "reconcile_findings_endpoint_resource_key_provider_lease_id_pk" PRIMARY KEY("endpoint","resource_key","provider_lease_id"),
	CONSTRAINT "reconcile_findings_kind" CHECK ("reconcile_findings"."kind" in ('orphan', 'duplicate', 'unknown_company', 'forgotten'))
);
--> statement-breakpoint
ALTER TABLE "installation" ADD COLUMN "database_identity" text;--> statement-breakpoint
ALTER TABLE "installation" ADD COLUMN "held_since" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "installation" ADD COLUMN "held_why" text;--> statement-breakpoint
ALTER TABLE "environment_leases" ADD COLUMN "endpoint" text;--> statement-breakpoint
ALTER TABLE "reconcile_findings" ADD CONSTRAINT "reconcile_findings_endpoint_reconcile_endpoints_endpoint_fk" FOREIGN KEY ("endpoint") REFERENCES "public"."reconcile_endpoints"("endpoint") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "hosts_beat" ON "hosts" USING btree ("beat_at");--> statement-breakpoint
CREATE INDEX "reconcile_findings_first_seen" ON "reconcile_findings" USING btree ("first_seen_at");