//! The tables as diesel sees them; `tests/schema.rs` compares them with the migrated database.

diesel::table! {
    premises (premise_id) {
        premise_id -> Int8,
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
        validity_year -> Nullable<Int4>,
        flags -> Jsonb,
        raw -> Nullable<Text>,
        gln -> Nullable<Text>,
        notes -> Nullable<Text>,
        effective_at -> Timestamptz,
        rank_class -> Int2,
        is_tombstone -> Bool,
        as_of -> Timestamptz,
        rank_sequence -> Int8,
        rank_hash -> Bytea,
        content_hash -> Nullable<Bytea>,
        channel -> Text,
        source_ref -> Uuid,
        first_seen_at -> Timestamptz,
        changed_at -> Timestamptz,
    }
}

diesel::table! {
    premise_changes (seq) {
        seq -> Int8,
        premise_id -> Int8,
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
        bytes -> Int8,
        rows -> Int8,
        counts -> Nullable<Jsonb>,
        reflects_at -> Nullable<Timestamptz>,
        evidence -> Nullable<Jsonb>,
        fallback_reason -> Nullable<Text>,
        error_code -> Nullable<Text>,
        error_message -> Nullable<Text>,
    }
}

diesel::table! {
    inbox (idempotency_key) {
        idempotency_key -> Bytea,
        delivery_id -> Uuid,
        webhook_id -> Nullable<Text>,
        action -> Text,
        premise_id -> Int8,
        outcome -> Text,
        received_at -> Timestamptz,
        processed_at -> Timestamptz,
        repeats -> Int4,
    }
}

diesel::table! {
    dead_letters (id) {
        id -> Int8,
        delivery_id -> Uuid,
        reason -> Text,
        detail -> Text,
        attempts -> Int4,
        action -> Nullable<Text>,
        premise_id -> Nullable<Int8>,
        webhook_id -> Nullable<Text>,
        received_at -> Timestamptz,
        first_failed_at -> Timestamptz,
        dead_at -> Timestamptz,
        status -> Text,
        envelope -> Jsonb,
    }
}
