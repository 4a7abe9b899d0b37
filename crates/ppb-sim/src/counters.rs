//! What the simulator counts, shown in `GET /state`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// A count that only grows, until a reset.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn up(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    /// How many.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Serialize for Count {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.get())
    }
}

macro_rules! counters {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Serialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name { $($(#[$field_doc])* pub $field: Count,)* }

        impl $name {
            fn reset(&self) {
                $(self.$field.0.store(0, Relaxed);)*
            }
        }
    };
}

counters! {
    /// Requests to PPB's side.
    Requests {
        /// Tokens given.
        logins,
        /// Requests for the catalogue, whatever the answer.
        catalogue,
        /// Catalogue answers begun.
        answered,
        /// Requests with wrong credentials or token.
        unauthorized,
        /// Requests refused by a fault.
        faulted,
        /// Rows sent.
        rows,
        /// Bytes sent, before compression.
        bytes,
        /// Change feed requests answered.
        feed,
    }
}

counters! {
    /// Changes made through control.
    Changes {
        /// Premises added.
        created,
        /// Premises changed.
        updated,
        /// Premises removed.
        deleted,
    }
}

counters! {
    /// Webhooks.
    WebhookCounters {
        /// Answered with 2xx.
        delivered,
        /// Tries that were not, and are repeated.
        retried,
        /// Given up after the last try.
        given_up,
        /// Not sent, as the feature `loss` says.
        lost,
        /// Sent twice, as the feature `duplicate` says.
        duplicated,
        /// Held back, as the feature `reorder` says.
        reordered,
        /// Sent with a wrong signature, as the feature `badSignature` says.
        badly_signed,
        /// Not sent because the queue was full.
        overflowed,
        /// Dropped by a reset before they were sent.
        discarded,
    }
}

/// All counts.
#[derive(Debug, Default, Serialize)]
pub struct Counters {
    /// Requests to PPB's side.
    pub requests: Requests,
    /// Changes made through control.
    pub changes: Changes,
    /// Webhooks.
    pub webhooks: WebhookCounters,
}

impl Counters {
    /// Counts what one catalogue answer sent.
    pub fn sent(&self, rows: u64, bytes: u64) {
        self.requests.rows.add(rows);
        self.requests.bytes.add(bytes);
    }

    /// Starts again from nothing.
    pub fn reset(&self) {
        self.requests.reset();
        self.changes.reset();
        self.webhooks.reset();
    }
}
