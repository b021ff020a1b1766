use ledger_core::allocation::{Priority, ROWS_MAX};
use ledger_core::{DepartmentId, Level, MemberId, Quota, ServiceId, Units};
use ledger_projections::balance::departments::DepartmentLineBalance;
use ledger_projections::balance::holdings::{DepartmentHolding, Holding};
use ledger_projections::balance::read::LineBalance;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ImportRefused, Table, write};
use crate::problem::Problem;
use crate::values::AllocationItem;

const ADA: &str = "0198c0de-0000-7000-8000-000000000001";

fn read(text: &str) -> Result<Table, Value> {
    Table::read(text.as_bytes()).map_err(|refused| Problem::from(refused).to_json())
}

/// The code, line and column of the refusal of a whole table.
fn unreadable(text: &[u8]) -> (String, Value, Value) {
    let problem = Problem::from(Table::read(text).unwrap_err()).to_json();
    let code = problem["type"].as_str().unwrap().rsplit('/').next();
    (
        code.unwrap().to_owned(),
        problem["line"].clone(),
        problem["column"].clone(),
    )
}

/// The index, line and column of each refused row.
fn refused(text: &str) -> Vec<(i64, i64, String)> {
    let problem = read(text).unwrap_err();
    assert_eq!(problem["status"], 422, "{problem}");
    let errors = problem["errors"].as_array().unwrap();
    let number = |value: &Value| value.as_i64().unwrap();
    errors
        .iter()
        .map(|e| {
            let column = e["column"].as_str().unwrap_or_default();
            (number(&e["index"]), number(&e["line"]), column.to_owned())
        })
        .collect()
}

fn units(item: &AllocationItem) -> Quota {
    item.units.unwrap().0
}

fn terms(item: &AllocationItem) -> (Option<Priority>, Option<bool>) {
    (
        item.priority.flatten().map(|priority| priority.0),
        item.auto_renew.flatten(),
    )
}

fn external_id(item: &AllocationItem) -> Option<&str> {
    item.external_id.as_ref().map(|id| id.0.as_str())
}

fn row(holder: &str, service: &str, units: &str) -> String {
    format!("{holder},{service},{units}\r\n")
}

#[test]
fn the_required_columns_are_read_in_any_order() {
    let table = read(&format!(
        "units,service,member_id\n7,lesson_generation,{ADA}\n"
    ))
    .unwrap();
    let [row] = &table.rows[..] else {
        panic!("{table:?}")
    };
    let item = &row.item;
    assert_eq!(item.member_id, Some(MemberId(ADA.parse().unwrap())));
    assert_eq!(item.service.0, "lesson_generation");
    assert_eq!(units(item), Quota::Finite(Units::new(7).unwrap()));
    assert_eq!((item.priority, item.auto_renew, row.line), (None, None, 2));
}

#[test]
fn the_dialects_of_spreadsheets_are_read() {
    let header = "\u{feff}member_id , external_id,display_name,service,units,priority,auto_renew";
    let ends = ["\n", "\r\n"];
    for end in ends {
        let text = [
            header,
            &format!("{ADA},,\"Nkosi, \"\"T\"\"\", claude_messages , 90 ,HIGH,TRUE"),
            ",,,,,,",
            "",
            ",'+27 82 123,\"two\nlines\",assessment_ai,UNLIMITED,,",
            ",ben@x,,assessment_ai,0,low,False",
        ]
        .join(end);
        let table = read(&text).unwrap();
        let rows: Vec<_> = table
            .rows
            .iter()
            .map(|row| (row.line, units(&row.item).to_string(), terms(&row.item)))
            .collect();
        let expected = [
            (2, "90".to_owned(), (Some(Priority::High), Some(true))),
            (5, "unlimited".to_owned(), (None, None)),
            (7, "0".to_owned(), (Some(Priority::Low), Some(false))),
        ];
        assert_eq!(rows, expected, "{end:?}");
        assert_eq!(external_id(&table.rows[1].item), Some("+27 82 123"));
    }
}

#[test]
fn an_unreadable_table_names_the_fault() {
    let good = row(ADA, "s", "1");
    let with = |header: &str| format!("{header}\n{good}");
    let expected = |line: Value, column: Value| ("unreadable-table".to_owned(), line, column);
    for text in [
        String::new(),
        "\u{feff}\r\n\r\n".to_owned(),
        "member_id,service,units\n".to_owned(),
        "member_id,service,units\n,,\n".to_owned(),
        with("display_name,service,units"),
    ] {
        let expected = expected(Value::Null, Value::Null);
        assert_eq!(unreadable(text.as_bytes()), expected, "{text:?}");
    }
    for (header, column) in [
        ("member_id,service,priority", "units"),
        ("member_id,units,used", "service"),
        ("member_id,service,unit", "unit"),
        ("member_id;service;units", "member_id;service;units"),
        ("member_id,units,units", "units"),
        ("Member_Id,service,units", "Member_Id"),
    ] {
        let expected = expected(Value::Null, json!(column));
        assert_eq!(unreadable(with(header).as_bytes()), expected, "{header:?}");
    }
    let latin = b"member_id,service,units,display_name\r\n,s,1,ok\r\n,s,1,Andr\xe9\r\n";
    assert_eq!(unreadable(latin), expected(json!(3), Value::Null));
    // A name of a megabyte is not repeated.
    let long = "x".repeat(1 << 20);
    assert_eq!(unreadable(long.as_bytes()).2, json!("x".repeat(64)));
}

#[test]
fn every_row_at_fault_has_its_line_and_column() {
    let text = [
        "member_id,external_id,service,units,priority,auto_renew",
        &format!("{ADA},,s,1,,"),
        "ada,,s,1,,",
        ",,s,1,,",
        &format!("{ADA},,,1,,"),
        &format!("{ADA},,s,,,"),
        &format!("{ADA},,s,-1,,"),
        &format!("{ADA},,s,1.5,,"),
        &format!("{ADA},,s,1E+05,,"),
        &format!("{ADA},,s,9223372036854775808,,"),
        &format!("{ADA},,s,=1+1,,"),
        &format!("{ADA},,s,1,urgent,"),
        &format!("{ADA},,s,1,,yes"),
        &format!("{ADA},,s,1"),
        &format!("{ADA},,s,1,,,,"),
        ",\"a\nb\",s,1,,",
        &format!(",{},s,1,,", "x".repeat(257)),
        "ada,,s,1,,",
    ]
    .join("\r\n");
    let columns = "member_id member_id service units units units units units units priority \
                   auto_renew - - external_id external_id member_id";
    let columns = columns.split_whitespace();
    // A cell of two lines moves all later ones.
    let line = |index: i64| if index <= 14 { index + 2 } else { index + 3 };
    let expected: Vec<_> = (1..)
        .zip(columns)
        .map(|(index, column)| (index, line(index), column.replace('-', "")))
        .collect();
    assert_eq!(refused(&text), expected);
    let no_holder = "external_id,service,units\n,s,1\n";
    assert_eq!(refused(no_holder), [(0, 2, "external_id".to_owned())]);
}

#[test]
fn a_table_has_no_more_rows_than_a_command() {
    let table = |rows: usize| {
        let rows: String = (0..rows).map(|_| row(ADA, "s", "1")).collect();
        format!("member_id,service,units\r\n{rows}")
    };
    assert_eq!(read(&table(ROWS_MAX)).unwrap().rows.len(), ROWS_MAX);
    let expected = ("unreadable-table".to_owned(), json!(10_002), Value::Null);
    assert_eq!(unreadable(table(ROWS_MAX + 1).as_bytes()), expected);
}

#[test]
fn an_open_quote_swallows_the_rest() {
    let text = format!("member_id,service,units\n{ADA},\"s,1\n{ADA},s,1\n");
    assert_eq!(refused(&text), [(0, 2, String::new())]);
}

#[test]
fn the_layout_does_not_change_the_fingerprint() {
    let json = |text: &str| serde_json::to_string(&read(text).unwrap()).unwrap();
    let one = json(&format!("member_id,service,units\n{ADA},s,1\n"));
    let upper = ADA.to_uppercase();
    let other = format!("\u{feff}units,used,service,member_id\r\n\r\n01,,s,{upper}\r\n");
    assert_eq!(json(&other), one);
    let by_external_id = json(&format!("external_id,service,units\n{ADA},s,1\n"));
    assert_ne!(by_external_id, one);
}

/// A line without usage.
fn line(service: &str, allocated: Quota) -> LineBalance {
    LineBalance {
        level: Level::Member,
        service: ServiceId::new(service).unwrap(),
        allocated,
        used: Units::ZERO,
        held: Units::ZERO,
        available: allocated,
        priority: Priority::Normal,
        auto_renew: false,
    }
}

#[test]
fn a_written_line_is_as_documented() {
    let holding = Holding {
        member_id: MemberId(ADA.parse().unwrap()),
        external_id: Some("+27821234".to_owned()),
        display_name: Some("=cmd|' /C calc'!A0, \"x\"".to_owned()),
        line: LineBalance {
            used: Units::new(3).unwrap(),
            auto_renew: true,
            ..line("claude_messages", Quota::Unlimited)
        },
    };
    let rows = write::rows(&[holding]).unwrap();
    let expected = format!(
        "{ADA},,'+27821234,\"'=cmd|' /C calc'!A0, \"\"x\"\"\",claude_messages,unlimited,\
         normal,true,3,0\r\n"
    );
    assert_eq!(std::str::from_utf8(&rows).unwrap(), expected);
    let header = "member_id,department_id,external_id,display_name,service,units,priority,\
         auto_renew,used,held\r\n";
    assert_eq!(write::header().unwrap(), header);
}

#[test]
fn a_department_has_a_column_of_its_own() {
    let holding = DepartmentHolding {
        department_id: DepartmentId(ADA.parse().unwrap()),
        name: Some("=Arts".to_owned()),
        line: DepartmentLineBalance {
            service: ServiceId::new("claude_messages").unwrap(),
            allocated: Units::new(50).unwrap().into(),
            to_members: Quota::ZERO,
            unallocated: Units::new(50).unwrap().into(),
            used: Units::new(3).unwrap(),
            held: Units::ZERO,
            available: Units::new(47).unwrap().into(),
            priority: Priority::High,
            auto_renew: true,
        },
    };
    let rows = write::rows(&[holding]).unwrap();
    let expected = format!(",{ADA},,'=Arts,claude_messages,50,high,true,3,0\r\n");
    assert_eq!(std::str::from_utf8(&rows).unwrap(), expected);
    let table = [write::header().unwrap(), rows].concat();
    let table = Table::read(&table).unwrap();
    let department = DepartmentId(ADA.parse().unwrap());
    assert_eq!(table.rows[0].item.department_id, Some(department));
}

#[test]
fn a_row_names_exactly_one_holder() {
    let text = format!(
        "member_id,department_id,external_id,service,units\n\
         {ADA},,,s,1\n,{ADA},,s,1\n{ADA},{ADA},,s,1\n,{ADA},ada@x,s,1\n,it,,s,1\n,,,s,1\n"
    );
    let expected = [
        (2, 4, "department_id"),
        (3, 5, "department_id"),
        (4, 6, "department_id"),
        (5, 7, "member_id"),
    ];
    let expected = expected.map(|(index, line, column)| (index, line, column.to_owned()));
    assert_eq!(refused(&text), expected);
}

prop_compose! {
    fn holding()(
        member in 1..u128::MAX,
        external_id in prop::option::of("['=+@-]{0,3}[^\\p{Cc}]{1,20}"),
        display_name in prop::option::of("['=+@\t\r-]{0,3}(?s:.){0,20}"),
        service in "[a-z0-9_.-]{1,20}",
        units in prop::option::of(0..i64::MAX),
        priority in prop::sample::select(vec![Priority::Low, Priority::Normal, Priority::High]),
        auto_renew: bool,
    ) -> Holding {
        Holding {
            member_id: MemberId(Uuid::from_u128(member)),
            external_id,
            display_name,
            line: LineBalance {
                priority,
                auto_renew,
                ..line(&service, units.map_or(Quota::Unlimited, |n| Units::new(n).unwrap().into()))
            },
        }
    }
}

proptest! {
    #[test]
    fn an_export_can_be_imported(holdings in prop::collection::vec(holding(), 1..20)) {
        let text = [write::header().unwrap(), write::rows(&holdings).unwrap()].concat();
        let table = Table::read(&text).unwrap();
        prop_assert_eq!(table.rows.len(), holdings.len());
        for (row, holding) in table.rows.iter().zip(&holdings) {
            let (item, line) = (&row.item, &holding.line);
            prop_assert_eq!(item.member_id, Some(holding.member_id));
            prop_assert_eq!(&item.service.0, line.service.as_str());
            prop_assert_eq!(units(item), line.allocated);
            prop_assert_eq!(terms(item), (Some(line.priority), Some(line.auto_renew)));
        }
    }

    #[test]
    fn an_export_without_member_ids_can_be_imported(
        holdings in prop::collection::vec(holding(), 1..20)
    ) {
        let named: Vec<_> = holdings.into_iter().filter(|h| h.external_id.is_some()).collect();
        let text = [write::header().unwrap(), write::rows(&named).unwrap()].concat();
        let mut text = String::from_utf8(text).unwrap();
        for holding in &named {
            text = text.replace(&holding.member_id.to_string(), "");
        }
        let rows = Table::read(text.as_bytes()).map_or_else(|_| Vec::new(), |table| table.rows);
        prop_assert_eq!(rows.len(), named.len());
        for (row, holding) in rows.iter().zip(&named) {
            prop_assert_eq!(external_id(&row.item), holding.external_id.as_deref());
        }
    }

    #[test]
    fn no_input_panics(bytes: Vec<u8>, text in "[a-z_,;\"'\r\n=]{0,200}") {
        let header = "member_id,external_id,service,units,priority,auto_renew\n";
        for table in [bytes, text.clone().into_bytes(), format!("{header}{text}").into_bytes()] {
            if let Err(ImportRefused::Rows { rows, .. }) = Table::read(&table) {
                prop_assert!(rows.iter().all(|row| row.line > 0));
            }
        }
    }
}
