//! Connection URLs for a Unix socket.

use std::fmt::Write;
use std::path::Path;

use crate::SUPERUSER;

/// The port in the name of the socket.
pub(crate) const PORT: u16 = 5432;

/// Returns `postgres://postgres@localhost:5432/app?host=/path/of/socket&sslmode=disable`.
///
/// Port and mode are the defaults; they are included because otherwise `PGPORT` and `PGSSLMODE` in
/// the environment would take precedence.
pub(crate) fn socket_url(socket_dir: &Path, database: &str) -> String {
    let database = percent_encode(database.as_bytes());
    let host = percent_encode(socket_dir.as_os_str().as_encoded_bytes());
    format!("postgres://{SUPERUSER}@localhost:{PORT}/{database}?host={host}&sslmode=disable")
}

/// Percent-encodes all characters except `/` and the unreserved ones of RFC 3986.
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

    use super::socket_url;

    #[test]
    fn sqlx_parses_the_url() {
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
