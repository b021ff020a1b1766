//! Circles between the files of a crate.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{assert_none, sources};

/// A module's path in its crate: `["usage", "event"]`; a crate's root is empty.
type Module = Vec<String>;

/// A module and its parents are one unit: a folder's `mod.rs` names what its files contain.
#[test]
fn files_of_a_crate_import_each_other_in_one_direction() {
    let mut crates = BTreeMap::<String, BTreeMap<Module, String>>::new();
    for source in sources(&["rs"]) {
        let Some((name, file)) = source.path.split_once("/src/") else {
            continue;
        };
        if source.is_test() {
            continue;
        }
        let mut module: Module = file
            .trim_end_matches(".rs")
            .split('/')
            .map(str::to_owned)
            .collect();
        if module
            .last()
            .is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str()))
        {
            module.pop();
        }
        let text = source.text.split("\n#[cfg(test)]\nmod ").next().unwrap();
        let files = crates.entry(name.to_owned()).or_default();
        files.insert(module, text.to_owned());
    }
    let mut circles = Vec::new();
    for (name, files) in &crates {
        let imports = imports(files);
        for module in files.keys() {
            if reachable(&imports, module).contains(module) {
                circles.push(format!("{name}: {}", module.join("::")));
            }
        }
    }
    assert_none("files in a circle of imports", &circles);
}

/// The modules that each module imports from, its parents and children left out.
fn imports(files: &BTreeMap<Module, String>) -> BTreeMap<&Module, BTreeSet<Module>> {
    let mut all = BTreeMap::new();
    for (module, text) in files {
        let imported = import_paths(text)
            .iter()
            .filter_map(|path| resolve(files, module, path))
            .filter(|other| !module.starts_with(other) && !other.starts_with(module))
            .collect();
        all.insert(module, imported);
    }
    all
}

/// The modules that can be reached from `start` by at least one import.
fn reachable(imports: &BTreeMap<&Module, BTreeSet<Module>>, start: &Module) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    let mut open = vec![start.clone()];
    while let Some(module) = open.pop() {
        for next in &imports[&module] {
            if found.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    found
}

/// The longest prefix of a path that is a module of the crate.
fn resolve(files: &BTreeMap<Module, String>, module: &Module, path: &[String]) -> Option<Module> {
    let mut resolved = if path[0] == "crate" {
        Vec::new()
    } else {
        module.clone()
    };
    for part in path {
        match part.as_str() {
            "crate" => {}
            "super" => drop(resolved.pop()),
            _ => resolved.push(part.clone()),
        }
    }
    while !resolved.is_empty() && !files.contains_key(&resolved) {
        resolved.pop();
    }
    (!resolved.is_empty()).then_some(resolved)
}

/// The paths of all `use crate::…` and `use super::…`, with groups expanded.
fn import_paths(text: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for (start, _) in text.match_indices("use ") {
        let statement = text[start + 4..].split(';').next().unwrap();
        if statement.starts_with("crate::") || statement.starts_with("super::") {
            expand(&[], statement, &mut paths);
        }
    }
    paths
}

fn expand(prefix: &[String], tree: &str, paths: &mut Vec<Vec<String>>) {
    let (head, group) = match tree.split_once('{') {
        Some((head, group)) => (head, group.rsplit_once('}').map(|(group, _)| group)),
        None => (tree, None),
    };
    let head = head.split(" as ").next().unwrap();
    let parts = head.split("::").map(str::trim);
    let parts = parts.filter(|part| !part.is_empty() && *part != "self");
    let mut path = prefix.to_vec();
    path.extend(parts.map(str::to_owned));
    let Some(group) = group else {
        paths.push(path);
        return;
    };
    let (mut depth, mut item) = (0, String::new());
    for letter in group.chars().chain([',']) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !item.trim().is_empty() {
                    expand(&path, &item, paths);
                }
                item.clear();
                continue;
            }
            _ => {}
        }
        item.push(letter);
    }
}

#[test]
fn imports_are_found_in_groups_too() {
    let text = "use crate::a::{self, b::{C, d}, E as F};\nuse super::g;\nuse std::fmt;";
    let joined: Vec<String> = import_paths(text)
        .iter()
        .map(|path| path.join("::"))
        .collect();
    let expected = [
        "crate::a",
        "crate::a::b::C",
        "crate::a::b::d",
        "crate::a::E",
        "super::g",
    ];
    assert_eq!(joined, expected);
}
