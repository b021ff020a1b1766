//! What `ledger demo` says once it is ready: how to sign in, and three things to try.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use ledger_core::Role;
use uuid::Uuid;

use super::school::{AUDITOR, PRINCIPAL, SCHOOL, TEACHERS};

/// Shell lines that can be pasted as they are.
pub fn what_to_try(address: SocketAddr, program: &Path, folder: &Path) -> String {
    let mut text = format!("school: {SCHOOL}\n");
    let (program, folder) = (quoted(program), quoted(folder));
    let teacher = TEACHERS[0].id;
    for (role, subject) in [
        (Role::PlatformAdmin, None),
        (Role::PrincipalAdmin, Some(PRINCIPAL)),
        (Role::Principal, Some(PRINCIPAL)),
        (Role::Auditor, Some(AUDITOR)),
        (Role::Teacher, Some(teacher)),
        (Role::Proxy, None),
    ] {
        let variable = role.as_str().to_uppercase();
        let subject = subject.map_or_else(String::new, |id: Uuid| format!(" --subject {id}"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "export {variable}=$({program} token --role {role} --school {SCHOOL}{subject} \
             --data-dir {folder})"
        );
    }
    let school = format!("http://{address}/v1/schools/{SCHOOL}");
    // The time in nanoseconds: a new id each time that a line is pasted.
    let _ = write!(
        text,
        r#"curl -sS -X PUT {school}/members/{teacher}/allocations/claude_messages -H "Authorization: Bearer $PRINCIPAL" -H "Idempotency-Key: $(date +%s%N)" -H 'Content-Type: application/json' -d '{{"units":90,"reason":"exam week"}}'; echo
ANSWER=$(curl -sS {school}/debits -H "Authorization: Bearer $PROXY" -H 'Content-Type: application/json' -d '{{"id":"call-'$(date +%s%N)'","member_id":"{teacher}","service":"claude_messages","units":1,"model":"claude-sonnet-4","input_tokens":812,"output_tokens":344}}'); echo "$ANSWER"; SEQ=$(echo "$ANSWER" | sed -n 's/.*"seq":\([0-9]*\).*/\1/p')
curl -sS "{school}/members/{teacher}/balance?min_seq=${{SEQ:-0}}" -H "Authorization: Bearer $TEACHER"; echo
"#
    );
    text
}

/// A path as a shell reads it back.
fn quoted(path: &Path) -> String {
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
    fn a_path_is_quoted_when_a_shell_would_take_it_apart() {
        assert_eq!(
            quoted(Path::new("/srv/ledger-1/.ledger")),
            "/srv/ledger-1/.ledger"
        );
        assert_eq!(quoted(Path::new("/my data/it's")), r"'/my data/it'\''s'");
    }

    #[test]
    fn there_is_a_line_for_each_role() {
        let address = "127.0.0.1:8080".parse().unwrap();
        let text = what_to_try(address, Path::new("/bin/ledger"), Path::new("/tmp/d"));
        for role in Role::CREDENTIAL {
            let line = format!("=$(/bin/ledger token --role {role} --school {SCHOOL}");
            assert!(text.contains(&line), "{text}");
        }
        assert!(text.ends_with('\n'));
    }
}
