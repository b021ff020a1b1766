//! The output of `ledger demo` once it is ready: how to sign in as each role, and example calls.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use ledger_core::Role;

use super::people::{AUDITOR, PRINCIPAL, SCHOOL, TEACHERS};

/// Shell lines that can be pasted unchanged.
pub(super) fn instructions(address: SocketAddr, program: &Path, folder: &Path) -> String {
    let mut text = format!("school: {SCHOOL}\n");
    let (program, folder) = (quote(program), quote(folder));
    let teacher = TEACHERS[0].person.id;
    for (role, subject) in [
        (Role::PlatformAdmin, None),
        (Role::PrincipalAdmin, Some(PRINCIPAL.id)),
        (Role::Principal, Some(PRINCIPAL.id)),
        (Role::Auditor, Some(AUDITOR.id)),
        (Role::Teacher, Some(teacher)),
        (Role::Proxy, None),
    ] {
        let variable = role.as_str().to_uppercase();
        let subject = subject.map_or_else(String::new, |id| format!(" --subject {id}"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "export {variable}=$({program} token --role {role} --school {SCHOOL}{subject} \
             --data-dir {folder})"
        );
    }
    let url = format!("http://{address}/v1/schools/{SCHOOL}");
    let balance = format!("{url}/members/{teacher}/balance");
    let json = "-H 'Content-Type: application/json'";
    // The time in nanoseconds gives a new id each time the line is pasted.
    let _ = write!(
        text,
        r#"curl -sS -X PUT {url}/members/{teacher}/allocations/claude_messages \
  -H "Authorization: Bearer $PRINCIPAL" -H "Idempotency-Key: $(date +%s%N)" {json} \
  -d '{{"units":90,"reason":"exam week"}}'; echo
ANSWER=$(curl -sS {url}/debits -H "Authorization: Bearer $PROXY" {json} \
  -d '{{"id":"'$(date +%s%N)'","member_id":"{teacher}","service":"claude_messages","units":1}}')
echo "$ANSWER"; SEQ=$(echo "$ANSWER" | sed -n 's/.*"seq":\([0-9]*\).*/\1/p')
curl -sS "{balance}?min_seq=${{SEQ:-0}}" -H "Authorization: Bearer $TEACHER"; echo
"#
    );
    text
}

/// A path in shell syntax.
fn quote(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c);
    if text.chars().all(is_plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_special_characters_is_quoted() {
        let plain = "/srv/ledger-1/.ledger";
        assert_eq!(quote(Path::new(plain)), plain);
        assert_eq!(quote(Path::new("/my data/it's")), r"'/my data/it'\''s'");
    }

    #[test]
    fn there_is_a_line_for_each_role() {
        let address = "127.0.0.1:8080".parse().unwrap();
        let text = instructions(address, Path::new("/bin/ledger"), Path::new("/tmp/d"));
        for role in Role::credentials() {
            let line = format!("=$(/bin/ledger token --role {role} --school {SCHOOL}");
            assert!(text.contains(&line), "{text}");
        }
        assert!(text.ends_with('\n'));
    }
}
