//! The operations of `openapi.json`.

use reqwest::Method;
use serde_json::Value;

/// An operation, as the description has it.
pub struct Operation {
    /// Its `operationId`.
    pub id: String,
    /// How it is called.
    pub method: Method,
    /// Where, with `{parameters}`.
    pub path: String,
    /// Whether it says that no credential is needed.
    pub is_open: bool,
    parameters: Vec<(String, String)>,
}

impl Operation {
    /// Whether it is about one school, which its path names.
    pub fn is_of_a_school(&self) -> bool {
        self.has("school", "path")
    }

    /// Whether a header, and nothing else, can say which school it is about.
    pub fn names_its_school(&self) -> bool {
        self.has("Ledger-School", "header")
    }

    /// Whether its path or its query can say which member it is about.
    pub fn names_a_member(&self) -> bool {
        self.has("member", "path") || self.asks_for_a_member()
    }

    /// Whether its query can say which member it is about.
    pub fn asks_for_a_member(&self) -> bool {
        self.has("member", "query")
    }

    fn has(&self, name: &str, place: &str) -> bool {
        let wanted = (name, place);
        self.parameters
            .iter()
            .any(|(name, place)| (name.as_str(), place.as_str()) == wanted)
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
