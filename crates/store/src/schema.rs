//! The tables as diesel sees them. Written by hand after `migrations/`, because the generated form
//! has no room for reasons; `tests/schema.rs` compares it with a migrated database.

/// Types of Postgres that diesel does not know; public because `table!` makes its columns so.
pub(crate) mod sql_types {
    /// A transaction id that never wraps.
    #[derive(diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
    #[diesel(postgres_type(oid = 5069, array_oid = 271))]
    pub struct Xid8;
}

diesel::table! {
    premises (premise_id) {
        premise_id -> BigInt,
        name -> Nullable<Text>,
        county -> Nullable<Text>,
        constituency -> Nullable<Text>,
        ward -> Nullable<Text>,
        business_type -> Nullable<Text>,
        ownership -> Nullable<Text>,
        superintendent_registration_no -> Nullable<Text>,
        superintendent_name -> Nullable<Text>,
        superintendent_cadre -> Nullable<Text>,
        license_validity -> Nullable<Date>,
        validity_year -> Nullable<Integer>,
        flags -> Jsonb,
        raw -> Nullable<Text>,
        gln -> Nullable<Text>,
        notes -> Nullable<Text>,
        effective_at -> Timestamptz,
        rank_class -> SmallInt,
        is_tombstone -> Bool,
        as_of -> Timestamptz,
        rank_sequence -> BigInt,
        rank_hash -> Binary,
        content_hash -> Nullable<Binary>,
        source_modified_at -> Nullable<Timestamptz>,
        channel -> Text,
        source_ref -> Uuid,
        first_seen_at -> Timestamptz,
        changed_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Jsonb, Text, Timestamptz, Uuid};
    use super::sql_types::Xid8;

    premise_changes (seq) {
        seq -> BigInt,
        xid -> Xid8,
        premise_id -> BigInt,
        kind -> Text,
        old_values -> Jsonb,
        new_values -> Jsonb,
        effective_at -> Timestamptz,
        channel -> Text,
        source_ref -> Uuid,
        recorded_at -> Timestamptz,
    }
}

diesel::table! {
    floors (source) {
        source -> Text,
        floor_at -> Timestamptz,
        as_of -> Timestamptz,
        run_id -> Uuid,
    }
}

diesel::table! {
    floor_exemptions (premise_id) {
        premise_id -> BigInt,
        floor_at -> Timestamptz,
    }
}

diesel::table! {
    sync_runs (id) {
        id -> Uuid,
        source -> Text,
        mode -> Text,
        status -> Text,
        requested_by -> Text,
        requested_at -> Timestamptz,
        since -> Nullable<Timestamptz>,
        dry_run -> Bool,
        cancel_requested -> Bool,
        started_at -> Nullable<Timestamptz>,
        heartbeat_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        phase -> Nullable<Text>,
        bytes -> BigInt,
        rows -> BigInt,
        counts -> Nullable<Jsonb>,
        reflects_at -> Nullable<Timestamptz>,
        evidence -> Nullable<Jsonb>,
        fallback_reason -> Nullable<Text>,
        error_code -> Nullable<Text>,
        error_message -> Nullable<Text>,
        floor_at -> Nullable<Timestamptz>,
        held_reason -> Nullable<Text>,
        plan_hash -> Nullable<Text>,
        approved_by -> Nullable<Text>,
        approved_at -> Nullable<Timestamptz>,
        scheduled_for -> Nullable<Timestamptz>,
        interrupted -> Bool,
    }
}

diesel::table! {
    taken_slots (mode, slot_at) {
        mode -> Nullable<Text>,
        slot_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    quarantined_rows (id) {
        id -> BigInt,
        run_id -> Uuid,
        premise_id -> Nullable<BigInt>,
        errors -> Jsonb,
        raw -> Text,
    }
}

diesel::table! {
    watermarks (source) {
        source -> Text,
        watermark_at -> Timestamptz,
        run_id -> Uuid,
    }
}

diesel::table! {
    held_deletions (run_id, premise_id) {
        run_id -> Uuid,
        premise_id -> BigInt,
    }
}

diesel::table! {
    pending_absences (premise_id) {
        premise_id -> BigInt,
        reads -> Integer,
        as_of -> Timestamptz,
        run_id -> Uuid,
        noted_at -> Timestamptz,
    }
}

diesel::table! {
    inbox (idempotency_key) {
        idempotency_key -> Binary,
        delivery_id -> Uuid,
        webhook_id -> Nullable<Text>,
        action -> Text,
        premise_id -> BigInt,
        outcome -> Text,
        received_at -> Timestamptz,
        processed_at -> Timestamptz,
        repeats -> Integer,
    }
}

diesel::table! {
    dead_letters (id) {
        id -> BigInt,
        delivery_id -> Uuid,
        reason -> Text,
        detail -> Text,
        attempts -> Integer,
        action -> Nullable<Text>,
        premise_id -> Nullable<BigInt>,
        webhook_id -> Nullable<Text>,
        received_at -> Timestamptz,
        first_failed_at -> Timestamptz,
        dead_at -> Timestamptz,
        status -> Text,
        envelope -> Text,
        settled_by -> Nullable<Text>,
        settled_at -> Nullable<Timestamptz>,
        settled_reason -> Nullable<Text>,
    }
}

diesel::table! {
    replay_jobs (id) {
        id -> Uuid,
        status -> Text,
        dry_run -> Bool,
        rate_per_second -> Integer,
        requested_by -> Text,
        requested_at -> Timestamptz,
        reason -> Text,
        total -> BigInt,
        next_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    replay_items (job_id, letter_id) {
        job_id -> Uuid,
        letter_id -> BigInt,
        group_key -> BigInt,
        verdict -> Nullable<Text>,
        detail -> Nullable<Text>,
    }
}
