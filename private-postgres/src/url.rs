//! The connection URL of a Unix socket.

use std::fmt::Write;
use std::path::Path;

use crate::SUPERUSER;
use crate::settings::PORT;

/// `postgres://postgres@localhost:5432/ledger?host=/path/of/socket&sslmode=disable`.
///
/// Port and mode are said although they are the defaults, so that a `PGPORT` or `PGSSLMODE` in the
/// environment, which sqlx and libpq would use instead, does not lead astray.
pub(crate) fn socket_url(socket_dir: &Path, database: &str) -> String {
    let database = percent_encode(database.as_bytes());
    let host = percent_encode(socket_dir.as_os_str().as_encoded_bytes());
    format!("postgres://{SUPERUSER}@localhost:{PORT}/{database}?host={host}&sslmode=disable")
}

/// Percent-encodes all but RFC 3986's unreserved characters and `/`.
fn percent_encode(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sqlx::postgres::PgConnectOptions;

    use crate::socket_url;

    #[test]
    fn sqlx_reads_back_what_was_meant() {
        let folder = Path::new("/tmp/a b+c%41?&=é/socket");
        let options: PgConnectOptions = socket_url(folder, "x/y z").parse().unwrap();
        assert_eq!(
            options.get_socket().map(|socket| socket.as_path()),
            Some(folder)
        );
        assert_eq!(options.get_database(), Some("x/y z"));
        assert_eq!(options.get_username(), "postgres");
        assert_eq!(options.get_port(), 5432);
    }
}
