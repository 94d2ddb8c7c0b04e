//! `tree=` of Jenkins' remote access API: `builds[number,actions[parameters[name]]]{0,50}`. What is not
//! asked for is not told.

use serde_json::{Map, Value};

/// What of a value a tree asks for.
pub(super) fn pruned(value: &Value, tree: &str) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| pruned(item, tree)).collect(),
        Value::Object(fields) => {
            let mut kept = Map::new();
            // It is told with whatever else is.
            if let Some(class) = fields.get("_class") {
                kept.insert("_class".to_owned(), class.clone());
            }
            for branch in branches(tree) {
                let Some(value) = fields.get(branch.name) else { continue };
                let value =
                    branch.inner.map_or_else(|| value.clone(), |inner| pruned(value, inner));
                kept.insert(branch.name.to_owned(), branch.part(value));
            }
            Value::Object(kept)
        }
        other => other.clone(),
    }
}

struct Branch<'a> {
    name: &'a str,
    /// What is asked for of it; everything when there is none.
    inner: Option<&'a str>,
    /// `FROM,TO`: which of its items.
    range: Option<&'a str>,
}

impl Branch<'_> {
    fn part(&self, value: Value) -> Value {
        let (Value::Array(items), Some((from, to))) =
            (&value, self.range.and_then(|range| range.split_once(',')))
        else {
            return value;
        };
        let to = to.parse().unwrap_or(items.len()).min(items.len());
        let from = from.parse().unwrap_or(0).min(to);
        Value::Array(items[from..to].to_vec())
    }
}

/// The branches of the topmost level.
fn branches(tree: &str) -> Vec<Branch<'_>> {
    let (mut depth, mut began, mut all) = (0, 0, Vec::new());
    for (at, c) in tree.char_indices() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                all.push(branch(&tree[began..at]));
                began = at + 1;
            }
            _ => {}
        }
    }
    all.push(branch(&tree[began..]));
    all
}

fn branch(text: &str) -> Branch<'_> {
    let (text, range) = match text.strip_suffix('}').and_then(|text| text.rsplit_once('{')) {
        Some((text, range)) => (text, Some(range)),
        None => (text, None),
    };
    let (name, inner) = match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
        Some((name, inner)) => (name, Some(inner)),
        None => (text, None),
    };
    Branch { name, inner, range }
}
