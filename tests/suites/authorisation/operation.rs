//! The operations of `openapi.json`.

use reqwest::Method;
use serde_json::Value;

/// An operation of the description.
pub struct Operation {
    /// The `operationId`.
    pub id: String,
    /// The method.
    pub method: Method,
    /// The path, with `{parameters}`.
    pub path: String,
    /// Whether the operation needs no credential.
    pub is_open: bool,
    parameters: Vec<(String, String)>,
}

impl Operation {
    /// Whether the path names the school.
    pub fn is_of_one_school(&self) -> bool {
        self.has("school", "path")
    }

    /// Whether a header names the school.
    pub fn has_school_header(&self) -> bool {
        self.has("Ledger-School", "header")
    }

    /// Whether the path or the query names a member.
    pub fn has_member_parameter(&self) -> bool {
        self.has("member", "path") || self.has_member_query()
    }

    /// Whether the query names a member.
    pub fn has_member_query(&self) -> bool {
        self.has("member", "query")
    }

    fn has(&self, name: &str, place: &str) -> bool {
        let expected = (name, place);
        self.parameters
            .iter()
            .any(|(name, place)| (name.as_str(), place.as_str()) == expected)
    }
}

/// All operations, in the order of their paths.
pub fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap();
        item.iter()
            .map(move |(method, operation)| read(method, path, operation))
    });
    of_path.collect()
}

fn read(method: &str, path: &str, operation: &Value) -> Operation {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    Operation {
        id: text(&operation["operationId"]),
        method: method.to_uppercase().parse().unwrap(),
        path: path.to_owned(),
        is_open: operation["security"] == serde_json::json!([{}]),
        parameters: parameters
            .map(|p| (text(&p["name"]), text(&p["in"])))
            .collect(),
    }
}
