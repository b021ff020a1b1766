//! The modules of a crate: no two files use each other, directly or through others.
//!
//! An edge is a path `crate::…`, `self::…` or `super::…` outside `#[cfg(test)]`. Edges between a
//! module and its ancestors do not count: a parent declares and re-exports its children.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Source, assert_none, sources};

type Module = Vec<String>;

#[test]
fn no_two_files_of_a_crate_use_each_other() {
    let mut crates = BTreeMap::<String, Vec<Source>>::new();
    for source in sources(&["rs"]) {
        if let Some((name, _)) = source.path.split_once("/src/") {
            let name = name.to_owned();
            crates.entry(name).or_default().push(source);
        }
    }
    let mut cycles = Vec::new();
    for (name, files) in crates {
        for cycle in cycles_of(&edges(&files)) {
            let cycle: Vec<_> = cycle.iter().map(|module| module.join("::")).collect();
            cycles.push(format!("{name}: {}", cycle.join(" ↔ ")));
        }
    }
    assert_none("groups of files that use each other", &cycles);
}

/// The module of a file, for example `["routes", "docs"]`.
fn module(path: &str) -> Module {
    let (_, path) = path.split_once("/src/").unwrap_or(("", path));
    let mut parts: Module = path
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if matches!(
        parts.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        parts.pop();
    }
    parts
}

fn edges(files: &[Source]) -> BTreeMap<Module, BTreeSet<Module>> {
    let modules: BTreeSet<Module> = files.iter().map(|file| module(&file.path)).collect();
    let mut edges = BTreeMap::new();
    for file in files.iter().filter(|file| !file.is_test()) {
        let from = module(&file.path);
        let used = paths(&code(&file.text), &from);
        let used = used.iter().filter_map(|path| {
            let lengths = (0..=path.len()).rev();
            let mut prefixes = lengths.map(|length| path[..length].to_vec());
            prefixes.find(|prefix| modules.contains(prefix))
        });
        let is_ancestry = |to: &Module| from.starts_with(to) || to.starts_with(&from);
        edges.insert(from.clone(), used.filter(|to| !is_ancestry(to)).collect());
    }
    edges
}

/// The text without comments and tests, in one line.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join(" ")
}

/// The absolute paths that a module's code uses.
fn paths(code: &str, module: &Module) -> Vec<Module> {
    let mut paths = Vec::new();
    for root in ["crate::", "self::", "super::"] {
        for (start, _) in code.match_indices(root) {
            let before = code[..start].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let mut base = match root {
                "crate::" => Vec::new(),
                _ => module.clone(),
            };
            let mut rest = &code[start..];
            loop {
                if let Some(after) = rest.strip_prefix("super::") {
                    base.pop();
                    rest = after;
                } else if let Some(after) = rest
                    .strip_prefix("crate::")
                    .or_else(|| rest.strip_prefix("self::"))
                {
                    rest = after;
                } else {
                    break;
                }
            }
            expand(rest, base, &mut paths);
        }
    }
    paths
}

/// Adds the paths of `a::{b, c::d}`; returns the text after them.
fn expand<'a>(text: &'a str, mut base: Module, paths: &mut Vec<Module>) -> &'a str {
    let mut rest = text.trim_start();
    loop {
        if let Some(mut list) = rest.strip_prefix('{') {
            loop {
                list = expand(list, base.clone(), paths).trim_start();
                match list.strip_prefix(',') {
                    Some(after) if !after.trim_start().starts_with('}') => list = after,
                    Some(after) => return after.trim_start().get(1..).unwrap_or_default(),
                    None => return list.strip_prefix('}').unwrap_or(list),
                }
            }
        }
        let length = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(length);
        if !name.is_empty() && name != "self" {
            base.push(name.to_owned());
        }
        match after.strip_prefix("::") {
            Some(after) if !name.is_empty() => rest = after,
            Some(_) | None => {
                paths.push(base);
                return after.trim_start_matches(|c| c != ',' && c != '}');
            }
        }
    }
}

/// The groups of modules that reach each other.
fn cycles_of(edges: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<BTreeSet<Module>> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = edges
        .keys()
        .map(|from| {
            let mut reached = BTreeSet::new();
            let mut open: Vec<&Module> = edges[from].iter().collect();
            while let Some(module) = open.pop() {
                if reached.insert(module) {
                    open.extend(edges.get(module).into_iter().flatten());
                }
            }
            (from, reached)
        })
        .collect();
    let reaches = |from: &Module, to: &Module| {
        reached
            .get(from)
            .is_some_and(|reached| reached.contains(to))
    };
    let mut groups = BTreeSet::new();
    for module in edges.keys().filter(|module| reaches(module, module)) {
        let group = edges
            .keys()
            .filter(|other| reaches(module, other) && reaches(other, module));
        groups.insert(group.cloned().collect::<BTreeSet<_>>());
    }
    groups.into_iter().collect()
}

#[test]
fn paths_of_nested_imports_are_found() {
    let code = "use crate::{a::{B, c::D}, e}; use super::f::{self, G}; fn h() { self::i::j() }";
    let found = paths(code, &vec!["x".to_owned(), "y".to_owned()]);
    let found: Vec<String> = found.iter().map(|path| path.join("::")).collect();
    assert_eq!(
        found,
        ["a::B", "a::c::D", "e", "x::y::i::j", "x::f", "x::f::G"]
    );
}
