//! How a command fails.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// A command that did not do what it was asked for, and its exit status.
#[derive(Debug)]
pub struct Failure {
    error: Box<dyn Error + Send + Sync>,
    is_usage: bool,
}

impl Failure {
    /// It ran, and the answer is no.
    pub fn no(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            error: error.into(),
            is_usage: false,
        }
    }

    /// It was called wrongly.
    pub fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            error: error.into(),
            is_usage: true,
        }
    }

    /// What the process exits with.
    pub fn exit_code(&self) -> ExitCode {
        if self.is_usage {
            ExitCode::from(2)
        } else {
            ExitCode::from(1)
        }
    }
}

impl fmt::Display for Failure {
    /// The error and what is behind it, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.error.to_string();
        let mut source = self.error.source();
        while let Some(error) = source {
            // Some libraries say their cause themselves.
            let cause = error.to_string();
            if !text.ends_with(&cause) {
                text.push_str(": ");
                text.push_str(&cause);
            }
            source = error.source();
        }
        f.write_str(&text)
    }
}
