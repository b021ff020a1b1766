use super::*;
use crate::http::parse_json;

const MEMBER: &str = r#""member_id":"0198c0de-0000-7000-8000-000000000001""#;
const TO: &str = r#""to_member_id":"0198c0de-0000-7000-8000-000000000002""#;
const DEPARTMENT: &str = r#""department_id":"0198c0de-0000-7000-8000-000000000003""#;
const TO_DEPARTMENT: &str = r#""to_department_id":"0198c0de-0000-7000-8000-000000000004""#;

fn read(item: &str) -> Option<AllocationRow> {
    let item = parse_json::<AllocationItem>(format!(r#"{{"service":"s",{item}}}"#).as_bytes());
    item.ok()?.row().ok()
}

fn row(item: &str) -> Option<Change> {
    read(&format!("{MEMBER},{item}")).map(|row| row.change)
}

#[test]
fn units_fit_the_operation() {
    let seven = Units::new(7).unwrap();
    assert_eq!(
        row(r#""op":"set","units":7"#),
        Some(Change::Set(seven.into()))
    );
    let unlimited = Some(Change::Set(ledger_core::Quota::Unlimited));
    assert_eq!(row(r#""op":"set","units":"unlimited""#), unlimited);
    assert_eq!(row(r#""op":"add","units":7.0"#), Some(Change::Add(seven)));
    assert_eq!(row(r#""op":"revoke""#), Some(Change::Revoke(None)));
    assert_eq!(
        row(r#""op":"revoke","units":7"#),
        Some(Change::Revoke(Some(seven)))
    );
    assert!(row(&format!(r#""op":"transfer","units":7,{TO}"#)).is_some());
    for refused in [
        r#""op":"set""#,
        r#""op":"add","units":0"#,
        r#""op":"add","units":"unlimited""#,
        r#""op":"revoke","units":"unlimited""#,
        r#""op":"transfer","units":7"#,
        r#""op":"give","units":7"#,
        r#""units":7"#,
        r#""op":"set","units":7,"to":"x""#,
    ] {
        assert_eq!(row(refused), None, "{refused}");
    }
}

#[test]
fn a_transfer_refuses_priority_and_auto_renew() {
    for (name, value) in [
        ("priority", r#""high""#),
        ("auto_renew", "true"),
        ("priority", "null"),
    ] {
        let item = format!(
            r#"{{"op":"transfer","units":7,{MEMBER},{TO},"service":"s","{name}":{value}}}"#
        );
        let refused = parse_json::<AllocationItem>(item.as_bytes())
            .unwrap_err()
            .to_json();
        let detail = refused["detail"].as_str().unwrap();
        assert!(
            detail.contains(&format!("unknown field `{name}`")),
            "{detail}"
        );
    }
}

#[test]
fn an_item_names_exactly_one_holder() {
    let set = r#""op":"set","units":7"#;
    let transfer = r#""op":"transfer","units":7"#;
    let department = |row: AllocationRow| row.holder.department_id().is_some();
    assert!(department(read(&format!("{set},{DEPARTMENT}")).unwrap()));
    assert!(!department(
        read(&format!("{set},{MEMBER},\"department_id\":null")).unwrap()
    ));
    for taker in [TO, TO_DEPARTMENT] {
        for giver in [MEMBER, DEPARTMENT] {
            assert!(read(&format!("{transfer},{giver},{taker}")).is_some());
        }
    }
    for refused in [
        set.to_owned(),
        format!("{set},{MEMBER},{DEPARTMENT}"),
        format!("{set},{MEMBER},{TO_DEPARTMENT}"),
        format!("{transfer},{MEMBER},{TO},{TO_DEPARTMENT}"),
        format!("{transfer},{DEPARTMENT}"),
    ] {
        assert_eq!(read(&refused), None, "{refused}");
    }
    let neither = format!("{{\"service\":\"s\",{set}}}");
    let refused = parse_json::<AllocationItem>(neither.as_bytes()).unwrap_err();
    assert!(
        refused.detail().starts_with(EXACTLY_ONE_HOLDER),
        "{}",
        refused.detail()
    );
}

#[test]
fn an_item_is_written_as_it_was_read() {
    let written = format!(r#"{{"op":"add",{MEMBER},"service":"s","units":7}}"#);
    let item = parse_json::<AllocationItem>(written.as_bytes()).unwrap();
    assert_eq!(serde_json::to_string(&item).unwrap(), written);
}
