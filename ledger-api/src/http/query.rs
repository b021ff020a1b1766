//! Query strings.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::path::ParameterIn;

use crate::openapi::{Description, Input};
use crate::problem::Problem;

/// A query string of the form `T`, which itself refuses unknown parameters.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|rejection| Problem::invalid(rejection.body_text()))
    }
}

impl<T: IntoParams> Input for Query<T> {
    fn describe(description: &mut Description<'_>) {
        description.parameters::<T>(&ParameterIn::Query);
    }
}

/// Declares the query string of a read: the listed parameters and `min_seq`, all optional. It is a
/// macro because serde refuses unknown members only in a struct that is not flattened from parts,
/// and because an optional parameter is not nullable.
macro_rules! query {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[param(value_type = $type, inline, required = false)]
                $field: Option<$type>,
            )*
            /// The position that the read has to include. It waits for it at most 5 seconds.
            #[param(value_type = crate::values::Position, inline, required = false)]
            min_seq: Option<crate::values::Position>,
        }
    };
}
pub(crate) use query;

#[cfg(test)]
mod tests {
    use ledger_core::Seq;

    use crate::values::{Day, Position};

    query! {
        /// For the tests.
        Sample {
            /// A day.
            from: Day,
        }
    }

    fn read(query: &str) -> Option<Sample> {
        let uri = format!("/x?{query}").parse().unwrap();
        axum::extract::Query::try_from_uri(&uri)
            .ok()
            .map(|query| query.0)
    }

    #[test]
    fn an_unknown_malformed_or_repeated_parameter_is_refused() {
        let sample = read("from=2028-02-29&min_seq=7").unwrap();
        assert_eq!(sample.from.unwrap().0.to_string(), "2028-02-29");
        assert_eq!(sample.min_seq, Some(Position::from(Seq(7))));
        assert!(read("").is_some());
        for refused in [
            "to=2026-11-24",
            "from=2026-02-29",
            "from=2026-1-1",
            "from=+026-01-01",
            "from=",
            "from=0000-12-31",
            "min_seq=-1",
            "min_seq=x",
            "min_seq=1&min_seq=1",
        ] {
            assert!(read(refused).is_none(), "{refused}");
        }
    }
}
