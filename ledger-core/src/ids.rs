//! Identities: opaque ids, positions in a stream, and the ids of events.

use compact_str::{CompactString, format_compact};
use serde::{Deserialize, Deserializer, Serialize, de};
use uuid::Uuid;

use crate::time::Timestamp;

macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_newtype!(
    /// A school: the tenant, with one stream.
    SchoolId
);
uuid_newtype!(
    /// A member. Opaque: names and external ids are in the directory.
    MemberId
);
uuid_newtype!(
    /// A department. Opaque: its name is in the directory.
    DepartmentId
);
uuid_newtype!(
    /// The actor of a command: the subject of a person or a service.
    ActorId
);
uuid_newtype!(
    /// A request for units; drawn at the edge.
    RequestId
);
uuid_newtype!(
    /// The identity of an event in its school, derived from its command (see [`CommandKey`]).
    EventId
);

/// The namespace of actor ids of subjects that are no UUIDs: a random UUID, fixed for ever, since
/// the log contains the ids derived from it.
const ACTORS: Uuid = Uuid::from_u128(0x5b0c_9a41_7f3e_4d6a_8c52_e1d9_03b7_64fa);

impl ActorId {
    /// The actor id of a token's subject: the subject itself if it is a UUID, else its UUIDv5. The
    /// nil UUID is the ledger's own id (`Actor::SYSTEM`); as a subject it is like any other text.
    #[must_use]
    pub fn of_subject(subject: &str) -> Self {
        match Uuid::try_parse(subject) {
            Ok(id) if !id.is_nil() => Self(id),
            Ok(_) | Err(_) => Self(Uuid::new_v5(&ACTORS, subject.as_bytes())),
        }
    }
}

/// A position in a school's stream: 1, 2, 3 … without gaps; 0 is "before the first event".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl Seq {
    /// Before the first event.
    pub const ZERO: Self = Self(0);

    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A text of 1 to `$max` characters, none of them a control character.
macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident($max:ident), $error:ident: $message:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(CompactString);

        #[doc = concat!("The text is no [`", stringify!($name), "`].")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[error($message)]
        pub struct $error;

        impl $name {
            /// # Errors
            #[doc = concat!("[`", stringify!($error), "`] when `text` is empty or too long or has")]
            /// control characters.
            pub fn new(text: &str) -> Result<Self, $error> {
                let fits = (1..=$max).contains(&text.chars().count());
                if fits && !text.chars().any(char::is_control) {
                    Ok(Self(CompactString::new(text)))
                } else {
                    Err($error)
                }
            }

            /// The text as the caller sent it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::new(&text).map_err(de::Error::custom)
            }
        }
    };
}

/// The length limit of a [`Key`], in characters: enough for any provider's call id, and small
/// enough for an index.
pub const KEY_CHARS_MAX: usize = 128;

/// The length limit of an [`ExternalId`], in characters.
pub const EXTERNAL_ID_CHARS_MAX: usize = 256;

/// The length limit of an [`Attribute`], in characters: longer than the URIs and ids that
/// producers send, and small enough that a batch of them stays small.
pub const ATTRIBUTE_CHARS_MAX: usize = 1_024;

text_newtype!(
    /// An id chosen by the caller: the `id` of a debit or hold, or an `Idempotency-Key`.
    Key(KEY_CHARS_MAX),
    NotAKey: "an id has 1 to {KEY_CHARS_MAX} characters and no control characters"
);
text_newtype!(
    /// A member's id in another system. The directory maps it to the member.
    ExternalId(EXTERNAL_ID_CHARS_MAX),
    NotAnExternalId:
        "an external id has 1 to {EXTERNAL_ID_CHARS_MAX} characters and no control characters"
);
text_newtype!(
    /// A context attribute of a CloudEvent: its `id`, `source` or `type`. CloudEvents 1.0 ("Type
    /// System") forbids control characters.
    Attribute(ATTRIBUTE_CHARS_MAX),
    NotAnAttribute:
        "an attribute has 1 to {ATTRIBUTE_CHARS_MAX} characters and no control characters"
);

impl ExternalId {
    /// The member id that the text is, if it is a UUID.
    #[must_use]
    pub fn as_member_id(&self) -> Option<MemberId> {
        Uuid::try_parse(&self.0).ok().map(MemberId)
    }
}

/// A member as a command names them, before look-up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// By member id.
    Member(MemberId),
    /// By external id.
    External(ExternalId),
}

impl Owner {
    /// The external id, if the member is named by one.
    #[must_use]
    pub const fn external_id(&self) -> Option<&ExternalId> {
        match self {
            Self::Member(_) => None,
            Self::External(external_id) => Some(external_id),
        }
    }
}

impl From<MemberId> for Owner {
    fn from(member_id: MemberId) -> Self {
        Self::Member(member_id)
    }
}

impl From<ExternalId> for Owner {
    fn from(external_id: ExternalId) -> Self {
        Self::External(external_id)
    }
}

/// The key that makes the events of a command unique in their school for ever.
///
/// The id of the first event is the UUIDv5 (RFC 9562 §5.5) of the key and its source; the ids of
/// further events derive from it. So the key alone finds the events of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandKey {
    /// An `Idempotency-Key` header.
    Request(Key),
    /// The `id` of a debit.
    Debit(Key),
    /// The `id` of a hold to place.
    Hold(Key),
    /// The `id` of a hold to settle or release, which happens once.
    HoldClosing(Key),
    /// The `id` of an expired hold.
    HoldExpiry(Key),
    /// The id of an expired request.
    RequestExpiry(RequestId),
    /// The end of a period.
    PeriodRollover(Timestamp),
    /// Renewals of allocations in a new period.
    Renewals {
        /// The start of the period.
        period_start: Timestamp,
        /// The index of the event among those of the period, from 0.
        index: u32,
    },
    /// The source and the `id` of a CloudEvent that reports usage.
    Reported {
        /// The producer.
        source: Attribute,
        /// The id, unique for its source.
        id: Attribute,
    },
    /// A consequence of the event at this position.
    Consequence(Seq),
    /// A command without a key, with an id drawn at the edge.
    Fresh(Uuid),
}

/// The namespace of all event ids: a random UUID, fixed for ever.
const NAMESPACE: Uuid = Uuid::from_u128(0x8d1f_6a52_0c7e_4b0b_9b35_5f0e_24a1_c3d7);

impl CommandKey {
    /// The id of the command's first event.
    #[must_use]
    pub fn first_event_id(&self) -> EventId {
        let composed;
        let (source, key) = match self {
            Self::Request(key) => ("request", key.as_str()),
            Self::Debit(key) => ("debit", key.as_str()),
            Self::Hold(key) => ("hold", key.as_str()),
            Self::HoldClosing(key) => ("hold-closing", key.as_str()),
            Self::HoldExpiry(key) => ("hold-expiry", key.as_str()),
            Self::RequestExpiry(request_id) => {
                composed = format_compact!("{request_id}");
                ("request-expiry", composed.as_str())
            }
            Self::PeriodRollover(end) => {
                composed = format_compact!("{end}");
                ("period-roll", composed.as_str())
            }
            Self::Renewals {
                period_start,
                index,
            } => {
                composed = format_compact!("{period_start}/{index}");
                ("renewals", composed.as_str())
            }
            Self::Reported { source, id } => {
                composed = format_compact!("{}\u{1f}{}", source.as_str(), id.as_str());
                ("reported", composed.as_str())
            }
            Self::Consequence(seq) => {
                composed = format_compact!("{seq}");
                ("consequence", composed.as_str())
            }
            Self::Fresh(id) => return EventId(*id),
        };
        // No key contains the separator, so distinct pairs have distinct names.
        let mut name = String::with_capacity(source.len() + 1 + key.len());
        name.push_str(source);
        name.push('\u{1f}');
        name.push_str(key);
        EventId(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }
}

impl EventId {
    /// The id of the event at `index` of the command whose first event has this id; 0 is this one.
    #[must_use]
    pub fn at_index(self, index: usize) -> Self {
        if index == 0 {
            return self;
        }
        Self(Uuid::new_v5(&self.0, &(index as u64).to_be_bytes()))
    }
}

/// The first 8 bytes of the SHA-256 of a command's canonical body. It distinguishes a repeated
/// command from another command with the same key; only the owner of the key could profit from a
/// collision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub i64);

impl Fingerprint {
    /// The fingerprint of a body's bytes.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(body);
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(i64::from_be_bytes(first))
    }
}
