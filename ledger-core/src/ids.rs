//! Identities: opaque ids of schools, members and actors, positions in a stream, event ids.

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
    /// A school: the tenant, and the owner of one stream.
    SchoolId
);
uuid_newtype!(
    /// A person of a school. Opaque: names and external ids live in the directory.
    MemberId
);
uuid_newtype!(
    /// A department of a school. Opaque: its name lives in the directory.
    DepartmentId
);
uuid_newtype!(
    /// Who issued a command: a person's or a service's subject.
    ActorId
);
uuid_newtype!(
    /// A request for units; drawn at the edge.
    RequestId
);
uuid_newtype!(
    /// The identity of an event inside its school, derived from its command (see [`CommandKey`]).
    EventId
);

/// The namespace of the actor ids of subjects that are no UUIDs (a random UUID, fixed for ever:
/// the log names people by what comes out of it).
const ACTORS: Uuid = Uuid::from_u128(0x5b0c_9a41_7f3e_4d6a_8c52_e1d9_03b7_64fa);

impl ActorId {
    /// Who acts under a token's subject: a UUID is its own actor id, any other the UUIDv5 of it.
    /// The nil UUID is the ledger's own id (`Actor::SYSTEM`), so that as a subject it is text like
    /// any other.
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

/// What makes a command's events unique in their school for ever: where its key comes from, and
/// the key.
///
/// The first event's id is the UUIDv5 (RFC 9562 §5.5) of `source` and `key`; the event at
/// `index` n > 0 derives from that one, so a command's events are found again from its key alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandKey {
    /// An `Idempotency-Key` header.
    Request(Key),
    /// A debit's `id`.
    Debit(Key),
    /// A hold's `id`, for placing it.
    Hold(Key),
    /// A hold's `id`, for closing it: settled or released, one of them, once.
    HoldClosing(Key),
    /// A hold's `id`, for its expiry, which nobody asks for.
    HoldExpiry(Key),
    /// A request's id, for its expiry, which nobody asks for.
    RequestExpiry(RequestId),
    /// The instant at which a period ends, for its end, which nobody asks for.
    PeriodRollover(Timestamp),
    /// What came of allocations in a new period, which nobody asks for.
    Renewals {
        /// When the period begins.
        period_start: Timestamp,
        /// Which of the events that tell of it, from 0.
        index: u32,
    },
    /// The source and the `id` of a CloudEvent that reports usage.
    Reported {
        /// Who produced it.
        source: Attribute,
        /// Its id, unique at its source.
        id: Attribute,
    },
    /// What the event at this position leaves to be done, which nobody asks for.
    Consequence(Seq),
    /// A command that carries no key of its own; the edge drew this id for it.
    Fresh(Uuid),
}

/// The namespace of all event ids (a random UUID, fixed for ever).
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
        // A separator that no key contains keeps ("a", "b:c") and ("a:b", "c") apart.
        let mut name = String::with_capacity(source.len() + 1 + key.len());
        name.push_str(source);
        name.push('\u{1f}');
        name.push_str(key);
        EventId(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }
}

impl EventId {
    /// The id of the event at `index` (0 is this one) of the command whose first event has this id.
    #[must_use]
    pub fn at_index(self, index: usize) -> Self {
        if index == 0 {
            return self;
        }
        Self(Uuid::new_v5(&self.0, &(index as u64).to_be_bytes()))
    }
}

/// The first 8 bytes of the SHA-256 of a command's canonical body: tells a repeated command from
/// another one under the same key. A collision needs an adversary who owns the key anyway.
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
