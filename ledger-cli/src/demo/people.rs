//! The demo school and its people. The ids are fixed, so that documentation can use them.

use ledger_core::allocation::Priority;
use ledger_core::period::Tz;
use ledger_core::request::Urgency;
use uuid::Uuid;

/// The school.
pub(super) const SCHOOL: Uuid = Uuid::from_u128(0x1000_0000_0000_4000_8000_0000_0000_0001);

/// The school's time zone.
pub(super) const TIME_ZONE: Tz = Tz::Africa__Johannesburg;

/// The built-in services, in the order of all arrays below.
pub(super) const SERVICES: [&str; 3] = ["claude_messages", "content_generation", "assessment_ai"];

/// The school's total of each service.
pub(super) const TOTALS: [i64; 3] = [1_000, 500, 250];

/// A member of the school.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    pub(super) id: Uuid,
    pub(super) name: &'static str,
    pub(super) email: &'static str,
}

/// A department and its allocation of each service.
#[derive(Debug)]
pub(super) struct Department {
    pub(super) id: Uuid,
    pub(super) name: &'static str,
    pub(super) allocated: [i64; 3],
}

/// A teacher, with allocation and recent calls of each service.
#[derive(Debug)]
pub(super) struct Teacher {
    pub(super) person: Person,
    pub(super) department: Option<&'static Department>,
    pub(super) allocated: [i64; 3],
    pub(super) calls: [usize; 3],
    pub(super) priority: Priority,
    /// The reason of the teacher's suspension.
    pub(super) suspended: Option<&'static str>,
    /// A pending request: units of the first service, urgency and justification.
    pub(super) request: Option<(i64, Urgency, &'static str)>,
}

/// The principal.
pub(super) const PRINCIPAL: Person =
    person(0x01, "Nomsa Mokoena", "nomsa.mokoena@riverside.example");

/// The auditor.
pub(super) const AUDITOR: Person = person(0x02, "Johan Botha", "johan.botha@riverside.example");

/// The departments.
pub(super) static DEPARTMENTS: [Department; 2] = [
    Department {
        id: Uuid::from_u128(0x3000_0000_0000_4000_8000_0000_0000_0001),
        name: "Languages",
        allocated: [140, 70, 45],
    },
    Department {
        id: Uuid::from_u128(0x3000_0000_0000_4000_8000_0000_0000_0002),
        name: "Sciences",
        allocated: [90, 45, 30],
    },
];

/// The teachers. The first has little left and requests more; the last is suspended.
pub(super) static TEACHERS: [Teacher; 4] = [
    Teacher {
        department: Some(&DEPARTMENTS[0]),
        priority: Priority::High,
        request: Some((20, Urgency::High, "exam weeks in all four classes")),
        ..teacher(
            person(0x11, "Thandi Nkosi", "thandi.nkosi@riverside.example"),
            [80, 40, 25],
            [71, 22, 9],
        )
    },
    Teacher {
        department: Some(&DEPARTMENTS[1]),
        ..teacher(
            person(
                0x12,
                "Pieter van der Merwe",
                "pieter.vandermerwe@riverside.example",
            ),
            [60, 30, 20],
            [33, 18, 4],
        )
    },
    Teacher {
        request: Some((10, Urgency::Normal, "a reading project with grade 5")),
        ..teacher(
            person(0x13, "Aisha Patel", "aisha.patel@riverside.example"),
            [50, 25, 15],
            [12, 3, 14],
        )
    },
    Teacher {
        priority: Priority::Low,
        suspended: Some("on leave until the next term"),
        ..teacher(
            person(0x14, "Sipho Dlamini", "sipho.dlamini@riverside.example"),
            [40, 20, 10],
            [5, 0, 1],
        )
    },
];

const fn person(number: u128, name: &'static str, email: &'static str) -> Person {
    let id = Uuid::from_u128(0x2000_0000_0000_4000_8000_0000_0000_0000 + number);
    Person { id, name, email }
}

const fn teacher(person: Person, allocated: [i64; 3], calls: [usize; 3]) -> Teacher {
    Teacher {
        person,
        department: None,
        allocated,
        calls,
        priority: Priority::Normal,
        suspended: None,
        request: None,
    }
}
