//! Bodies that no call may take.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

/// A body, and what its `Content-Type` says.
#[derive(Debug, Clone)]
pub(crate) struct Odd {
    pub(crate) kind: Option<&'static str>,
    pub(crate) bytes: Vec<u8>,
}

const JSON: Option<&str> = Some("application/json");

fn odd(bytes: impl Into<Vec<u8>>) -> Odd {
    Odd { kind: JSON, bytes: bytes.into() }
}

/// Bodies made of a valid one so that they are not valid any more, and others that never were. The
/// `required` keys are paths such as `service.name`.
pub(crate) fn malformed(
    valid: Value,
    required: &'static [&'static str],
) -> impl Strategy<Value = Odd> {
    let text = valid.to_string();
    let (a, b, c, d, e, f) = (valid.clone(), valid, text.clone(), text.clone(), text.clone(), text);
    prop_oneof![
        6 => (any::<Index>(), wrong_value()).prop_map(move |(at, wrong)| odd(replaced(&a, at, wrong))),
        4 => any::<Index>().prop_map(move |at| odd(without(&b, required[at.index(required.len())]))),
        4 => any::<Index>().prop_map(move |at| odd(&c.as_bytes()[..at.index(c.len())])),
        3 => any::<Index>().prop_map(move |at| odd(no_utf8(&d, at))),
        2 => any_json().prop_map(|value| odd(value.to_string())),
        2 => prop::collection::vec(any::<u8>(), 0..200).prop_map(|noise| odd([b"{{", &noise[..]].concat())),
        2 => (1..5000_usize, select(vec!["[", "{\"a\":"])).prop_map(|(depth, open)| odd(open.repeat(depth))),
        2 => select(vec![None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonx"), Some("json")])
            .prop_map(move |kind| Odd { kind, bytes: e.clone().into_bytes() }),
        1 => Just(odd(f + &" ".repeat(launcher_server::MAX_BODY))),
        1 => select(required).prop_map(|key| odd(format!("{{{key:?}:1e999}}"))),
        1 => select(required).prop_map(|key| odd(format!("{{{key:?}:null,{key:?}:null}}"))),
    ]
}

/// What no setting takes.
fn wrong_value() -> impl Strategy<Value = Value> {
    let nested = (1..100).fold(json!([]), |inner, _| json!([inner]));
    select(vec![
        json!({ "unexpected": 1 }),
        json!([[[]]]),
        json!(-1.5),
        json!(1e300),
        json!(i64::MIN),
        json!(u64::MAX),
        nested,
    ])
}

/// JSON of any shape, with a key that nothing has where it is an object.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,12}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    tree.prop_map(|mut value| {
        if let Value::Object(map) = &mut value {
            map.insert("ÿ nothing has this".to_owned(), Value::Null);
        }
        value
    })
}

/// The body with one of its values, or a further one, wrong.
fn replaced(valid: &Value, at: Index, wrong: Value) -> String {
    let mut body = valid.clone();
    let mut places = Vec::new();
    pointers(&body, String::new(), &mut places);
    let place = &places[at.index(places.len())];
    match body.pointer_mut(place) {
        Some(Value::Object(map)) => drop(map.insert("ÿ unknown".to_owned(), wrong)),
        Some(value) => *value = wrong,
        None => unreachable!(),
    }
    body.to_string()
}

fn pointers(value: &Value, here: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                pointers(inner, format!("{here}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (i, inner) in items.iter().enumerate() {
                pointers(inner, format!("{here}/{i}"), found);
            }
        }
        _ => {}
    }
    found.push(here);
}

fn without(valid: &Value, path: &str) -> String {
    let mut body = valid.clone();
    let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
    let parent = if parent.is_empty() { String::new() } else { format!("/{parent}") };
    let parent: &mut Map<_, _> = body.pointer_mut(&parent).unwrap().as_object_mut().unwrap();
    parent.remove(key).unwrap();
    body.to_string()
}

fn no_utf8(valid: &str, at: Index) -> Vec<u8> {
    let mut bytes = valid.as_bytes().to_vec();
    bytes.insert(at.index(bytes.len()), 0xff);
    bytes
}

/// Parts of a path that name nothing, percent-encoded.
pub(crate) fn odd_segment() -> impl Strategy<Value = String> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..60),
        "\\PC{1,40}".prop_map(String::into_bytes),
        "[A-Z._~-]{1,50}".prop_map(String::into_bytes),
        "[a-z]{200,2000}".prop_map(String::into_bytes),
        select(vec!["..", ".", "\0", "%", "%2F", "a/b/../c", "-1", "1e3", "０", "v 1", "null"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    // A letter that no name of ours has, so that none is right by chance.
    bytes.prop_map(|mut bytes| {
        bytes.push(b'!');
        bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
    })
}
