//! The source of a JSON Web Key Set: a URL or a file.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::redirect;
use tokio::io::AsyncReadExt as _;

use crate::error::AuthConfigError;
use crate::jwk::{VerificationKey, read_set};
use crate::settings::JwtSettings;

/// Size of a key set. A key with a certificate chain is about 4 kB; an issuer has a handful.
const SET_BYTES_MAX: usize = 256 * 1024;

/// Limit of a fetch. The requests that need an unknown key wait for it.
pub(crate) const FETCH_LIMIT: Duration = Duration::from_secs(5);

/// A key set could not be fetched. For the log only.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JwksError {
    #[error("could not fetch the key set")]
    Fetch(#[source] reqwest::Error),
    #[error("the key set was answered with status {0}")]
    Status(reqwest::StatusCode),
    #[error("could not read the key set")]
    Read(#[source] std::io::Error),
    #[error("the key set has more than {SET_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the content is not a key set")]
    NotASet(#[source] serde_json::Error),
}

#[derive(Debug)]
pub(crate) enum KeySource {
    Url {
        client: reqwest::Client,
        url: reqwest::Url,
    },
    File(PathBuf),
}

impl KeySource {
    /// The source that the settings name, if any.
    ///
    /// # Errors
    /// [`AuthConfigError`] if the URL is invalid, or the keys could be forged on the way.
    pub(crate) fn new(
        settings: &JwtSettings,
        fetch_limit: Duration,
    ) -> Result<Option<Self>, AuthConfigError> {
        let Some(url) = &settings.jwks_url else {
            return Ok(settings.jwks_file.clone().map(Self::File));
        };
        let url = reqwest::Url::parse(url).map_err(|_| AuthConfigError::JwksUrl)?;
        let is_safe = match url.scheme() {
            "https" => true,
            "http" => settings.jwks_allow_http || is_loopback(&url),
            _ => false,
        };
        // The URL is printed with the settings, which have no secrets.
        let has_password = url.password().is_some() || !url.username().is_empty();
        if !is_safe || has_password {
            return Err(AuthConfigError::JwksUrl);
        }
        let client = reqwest::Client::builder()
            .timeout(fetch_limit)
            // An attacker who controls a redirect would choose the keys.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(AuthConfigError::HttpClient)?;
        Ok(Some(Self::Url { client, url }))
    }

    /// The usable keys of the set.
    pub(crate) async fn fetch(&self) -> Result<Vec<VerificationKey>, JwksError> {
        let json = match self {
            Self::Url { client, url } => download(client, url.clone()).await?,
            Self::File(path) => {
                let file = tokio::fs::File::open(path).await.map_err(JwksError::Read)?;
                let mut json = Vec::new();
                file.take(SET_BYTES_MAX as u64 + 1)
                    .read_to_end(&mut json)
                    .await
                    .map_err(JwksError::Read)?;
                json
            }
        };
        if json.len() > SET_BYTES_MAX {
            return Err(JwksError::TooLarge);
        }
        read_set(&json).map_err(JwksError::NotASet)
    }
}

fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The body of the response, cut off soon after [`SET_BYTES_MAX`].
async fn download(client: &reqwest::Client, url: reqwest::Url) -> Result<Vec<u8>, JwksError> {
    let mut response = client.get(url).send().await.map_err(JwksError::Fetch)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(JwksError::Status(response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(JwksError::Fetch)? {
        body.extend_from_slice(&chunk);
        if body.len() > SET_BYTES_MAX {
            break;
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Answer, KeyServer, es256, key_set};

    fn source(url: &str, allow_http: bool) -> Result<KeySource, AuthConfigError> {
        let settings = JwtSettings {
            jwks_url: Some(url.to_owned()),
            jwks_allow_http: allow_http,
            ..JwtSettings::default()
        };
        let source = KeySource::new(&settings, Duration::from_millis(300))?;
        Ok(source.unwrap())
    }

    #[test]
    fn a_url_is_https_or_on_this_machine() {
        for url in [
            "https://id.example/.well-known/jwks.json",
            "http://127.0.0.1:9999/jwks.json",
            "http://[::1]:9999/jwks.json",
            "http://localhost/jwks.json",
        ] {
            assert!(source(url, false).is_ok(), "{url}");
        }
        for url in [
            "http://id.example/jwks.json",
            "http://localhost.example/jwks.json",
            "http://127.0.0.1.example/jwks.json",
            "file:///etc/passwd",
            "https://user:password@id.example/jwks.json",
            "https://user@id.example/jwks.json",
            "id.example",
            "",
        ] {
            assert!(source(url, false).is_err(), "{url}");
        }
        assert!(source("http://auth:9999/jwks.json", true).is_ok());
        assert!(source("file:///etc/passwd", true).is_err());
    }

    #[tokio::test]
    async fn a_set_is_fetched() {
        let server = KeyServer::start(Answer::Keys(key_set(&[(&es256(), "a")]))).await;
        let keys = source(&server.url, false).unwrap().fetch().await.unwrap();
        assert_eq!(keys[0].id.as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn an_invalid_large_redirected_or_missing_response_is_an_error() {
        let server = KeyServer::start(Answer::Status(500)).await;
        let source = source(&server.url, false).unwrap();
        assert!(matches!(source.fetch().await, Err(JwksError::Status(_))));
        server.answer(Answer::Blank {
            bytes: SET_BYTES_MAX * 2,
        });
        assert!(matches!(source.fetch().await, Err(JwksError::TooLarge)));
        server.answer(Answer::Redirect);
        assert!(matches!(source.fetch().await, Err(JwksError::Status(_))));
        server.answer(Answer::Text("<html>"));
        assert!(matches!(source.fetch().await, Err(JwksError::NotASet(_))));
        server.answer(Answer::Never);
        let late = source.fetch().await;
        assert!(matches!(late, Err(JwksError::Fetch(error)) if error.is_timeout()));
    }

    #[tokio::test]
    async fn a_file_has_the_same_size_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        let source = KeySource::File(path.clone());
        assert!(matches!(source.fetch().await, Err(JwksError::Read(_))));
        std::fs::write(&path, key_set(&[(&es256(), "a")]).to_string()).unwrap();
        assert_eq!(source.fetch().await.unwrap().len(), 1);
        std::fs::write(&path, vec![b' '; SET_BYTES_MAX + 1]).unwrap();
        assert!(matches!(source.fetch().await, Err(JwksError::TooLarge)));
    }
}
