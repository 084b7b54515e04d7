CREATE TABLE "secret_access_events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"company_id" uuid NOT NULL,
	"secret_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"lease_id" uuid,
	"run_id" uuid,
	"purpose" text NOT NULL,
	"who" text NOT NULL,
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "secret_access_purpose" CHECK ("secret_access_events"."purpose" in ('place', 'command', 'probe'))
);
--> statement-breakpoint
CREATE TABLE "secret_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"number" integer GENERATED ALWAYS AS IDENTITY (sequence name "secret_keys_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"canary" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "secret_uses" (
	"environment_id" uuid NOT NULL,
	"field" text NOT NULL,
	"secret_id" uuid NOT NULL,
	CONSTRAINT "secret_uses_environment_id_field_pk" PRIMARY KEY("environment_id","field")
);
--> statement-breakpoint
CREATE TABLE "secret_versions" (
	"secret_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"sealed" "bytea" NOT NULL,
	"key_id" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "secret_versions_secret_id_version_pk" PRIMARY KEY("secret_id","version")
);
--> statement-breakpoint
CREATE TABLE "secrets" (
	"id" uuid PRIMARY KEY NOT NULL,
	"company_id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"status" text DEFAULT 'active' NOT NULL,
	"store" text NOT NULL,
	"reference" jsonb,
	"version" integer DEFAULT 0 NOT NULL,
	"field" text,
	"environment_id" uuid,
	"expires_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"deleted_at" timestamp with time zone,
	CONSTRAINT "secrets_status" CHECK ("secrets"."status" in ('active', 'disabled', 'deleted')),
	CONSTRAINT "secrets_deleted_says_so" CHECK (("secrets"."status" = 'deleted') = ("secrets"."deleted_at" is not null)),
	CONSTRAINT "secrets_outside_has_reference" CHECK (("secrets"."store" = 'sealed') = ("secrets"."reference" is null))
);
--> statement-breakpoint
ALTER TABLE "executions" ADD COLUMN "redact_output" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "executions" ADD COLUMN "redaction" "bytea";--> statement-breakpoint
ALTER TABLE "executions" ADD COLUMN "redaction_key" text;--> statement-breakpoint
ALTER TABLE "executions" ADD COLUMN "stdout_anchor" jsonb;--> statement-breakpoint
ALTER TABLE "executions" ADD COLUMN "stderr_anchor" jsonb;--> statement-breakpoint
ALTER TABLE "secret_access_events" ADD CONSTRAINT "secret_access_events_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "secret_access_events" ADD CONSTRAINT "secret_access_events_secret_id_secrets_id_fk" FOREIGN KEY ("secret_id") REFERENCES "public"."secrets"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "secret_uses" ADD CONSTRAINT "secret_uses_environment_id_environments_id_fk" FOREIGN KEY ("environment_id") REFERENCES "public"."environments"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "secret_uses" ADD CONSTRAINT "secret_uses_secret_id_secrets_id_fk" FOREIGN KEY ("secret_id") REFERENCES "public"."secrets"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "secret_versions" ADD CONSTRAINT "secret_versions_secret_id_secrets_id_fk" FOREIGN KEY ("secret_id") REFERENCES "public"."secrets"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "secret_versions" ADD CONSTRAINT "secret_versions_key_id_secret_keys_id_fk" FOREIGN KEY ("key_id") REFERENCES "public"."secret_keys"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "secrets" ADD CONSTRAINT "secrets_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "secrets" ADD CONSTRAINT "secrets_environment_id_environments_id_fk" FOREIGN KEY ("environment_id") REFERENCES "public"."environments"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "secret_access_once" ON "secret_access_events" USING btree ("lease_id","secret_id","version","purpose");--> statement-breakpoint
CREATE INDEX "secret_access_of_secret" ON "secret_access_events" USING btree ("secret_id","id");--> statement-breakpoint
CREATE INDEX "secret_access_purge" ON "secret_access_events" USING btree ("at");--> statement-breakpoint
CREATE UNIQUE INDEX "secret_keys_number" ON "secret_keys" USING btree ("number");--> statement-breakpoint
CREATE INDEX "secret_uses_of_secret" ON "secret_uses" USING btree ("secret_id");--> statement-breakpoint
CREATE INDEX "secret_versions_key" ON "secret_versions" USING btree ("key_id");--> statement-breakpoint
CREATE UNIQUE INDEX "secrets_name" ON "secrets" USING btree ("company_id","name") WHERE status <> 'deleted';--> statement-breakpoint
CREATE INDEX "secrets_of_company" ON "secrets" USING btree ("company_id","id");--> statement-breakpoint
CREATE INDEX "secrets_of_environment" ON "secrets" USING btree ("environment_id") WHERE environment_id is not null;--> statement-breakpoint
CREATE INDEX "secrets_left_over" ON "secrets" USING btree ("id") WHERE field is not null and environment_id is null;--> statement-breakpoint
CREATE INDEX "secrets_deleted" ON "secrets" USING btree ("deleted_at") WHERE deleted_at is not null;--> statement-breakpoint
CREATE INDEX "secrets_expire" ON "secrets" USING btree ("expires_at") WHERE expires_at is not null;--> statement-breakpoint
CREATE INDEX "executions_redaction_key" ON "executions" USING btree ("redaction_key") WHERE redaction_key is not null;--> statement-breakpoint
ALTER TABLE "executions" ADD CONSTRAINT "executions_redaction_has_key" CHECK (num_nulls("executions"."redaction", "executions"."redaction_key") in (0, 2));