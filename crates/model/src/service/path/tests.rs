use proptest::prelude::*;

use super::*;

fn seen(sent: &str) -> Result<String, UnreadablePath> {
    RequestPath::read(sent).map(|path| String::from_utf8(path.seen.into_owned()).unwrap())
}

#[test]
fn paths_are_read_as_nginx_reads_them() {
    for (sent, as_seen) in [
        ("", "/"),
        ("/", "/"),
        ("/api", "/api"),
        ("/API", "/API"),
        ("/api/", "/api/"),
        ("//api", "/api"),
        ("/api//x", "/api/x"),
        ("/api/./x", "/api/x"),
        ("/api/.", "/api/"),
        ("/api/..", "/"),
        ("/api/../x", "/x"),
        ("/a/b/..", "/a/"),
        ("/a//../b", "/b"),
        ("/.well-known/x", "/.well-known/x"),
        ("/...", "/..."),
        ("/a..b/..c", "/a..b/..c"),
        ("/%61pi", "/api"),
        ("/%41pi", "/Api"),
        ("/x/%2e%2E/api", "/api"),
        ("/x/.%2e/api", "/api"),
        ("/x%2F..%2fapi", "/api"),
        ("/%2Fapi", "/api"),
        ("/api%2Fx", "/api/x"),
        ("/%2561pi", "/%61pi"),
        ("/a%3Fb", "/a?b"),
        ("/a%20b", "/a b"),
        ("/caf%c3%a9", "/café"),
        ("/café", "/café"),
        ("/a\\..\\b", "/a\\..\\b"),
        ("/a;x/b", "/a;x/b"),
        ("*", "*"),
    ] {
        assert_eq!(seen(sent).as_deref(), Ok(as_seen), "{sent}");
    }
    for (sent, why) in [
        ("/%", UnreadablePath::Percent),
        ("/%4", UnreadablePath::Percent),
        ("/%zz", UnreadablePath::Percent),
        ("/%+1", UnreadablePath::Percent),
        ("/%é", UnreadablePath::Percent),
        ("/a%00", UnreadablePath::Nul),
        ("/..", UnreadablePath::Above),
        ("/a/../..", UnreadablePath::Above),
        ("/%2e%2e/a", UnreadablePath::Above),
    ] {
        assert_eq!(seen(sent), Err(why), "{sent}");
    }
}

#[test]
fn a_prefix_fits_by_whole_segments() {
    let below = |rule: &str, sent: &str| {
        let path = RequestPath::read(sent).unwrap();
        let rule = RulePath::new(rule);
        let below = path.below(&rule).map(Cow::into_owned);
        assert_eq!(below.is_some(), path.is_under(&rule), "{sent}");
        below
    };
    for (sent, left) in [
        ("/api", Some("/")),
        ("/api/", Some("/")),
        ("/api/x", Some("/x")),
        ("/api/x/", Some("/x/")),
        ("/apix", None),
        ("/ap", None),
        ("/API/x", None),
        ("/x/api", None),
        ("/", None),
        ("/api;v=1", None),
        // As it was sent, where that is plain.
        ("/api/a%2Fb", Some("/a%2Fb")),
        ("/api/a%20b%e9", Some("/a%20b%e9")),
        // As it is read, where it is not.
        ("//api/x", Some("/x")),
        ("/api//x", Some("/x")),
        ("/api//x%2Fy", Some("/x/y")),
        ("/api/%2Fevil", Some("/evil")),
        ("/api%2Fx", Some("/x")),
        ("/%61pi/x%20y", Some("/x%20y")),
        ("/api/y/%2e%2e/x", Some("/x")),
        ("/api/../api/x", Some("/x")),
        ("/y/..%2Fapi/x", Some("/x")),
        ("/api/../x", None),
        ("/api/é", Some("/%C3%A9")),
        ("/api/%3F%23%25", Some("/%3F%23%25")),
        ("/api/./%3F%23%25", Some("/%3F%23%25")),
        ("/api/a|b", Some("/a%7Cb")),
    ] {
        assert_eq!(below("/api", sent).as_deref(), left, "{sent}");
    }
    assert_eq!(below("/caf%C3%A9", "/caf%c3%a9/x").as_deref(), Some("/x"));
    assert_eq!(below("/caf%C3%A9", "/café").as_deref(), Some("/"));
    assert_eq!(below("/a/b", "/a/b/c").as_deref(), Some("/c"));
    assert_eq!(below("/a/b", "/a/bc"), None);
}

#[test]
fn what_is_behind_a_beginning_is_kept_as_it_was_sent() {
    let behind = |sent: &str| {
        let path = RequestPath::read(sent).unwrap();
        path.behind(&RulePath::new("/old/")).map(Cow::into_owned)
    };
    for (sent, rest) in [
        ("/old/", Some("")),
        ("/old/a/b", Some("a/b")),
        ("/old/a%2Fb", Some("a%2Fb")),
        ("/old//evil.test", Some("evil.test")),
        ("/old/%2F%2Fevil.test", Some("evil.test")),
        ("/old/\\evil.test", Some("%5Cevil.test")),
        ("/old/%0D%0Ax:y", Some("%0D%0Ax:y")),
        ("/old", None),
        ("/older/a", None),
    ] {
        assert_eq!(behind(sent).as_deref(), rest, "{sent}");
    }
}

#[test]
fn rules_are_written_in_one_way_only() {
    for good in ["/api", "/a.b", "/.well-known", "/caf%C3%A9", "/a%20b", "/a%24", "/a%25", "/a%2A"]
    {
        assert_eq!(fault_of(good), None, "{good}");
    }
    for bad in ["/a%2Fb", "/a%2fb", "/%61", "/caf%c3%a9", "/a%0A", "/a%7F", "/a%00", "/a%zz"]
        .into_iter()
        .chain(["/a//b", "//a", "/a/../b", "/./a", "/a/%2E%2E/b", "/..", "/%2E"])
    {
        assert!(fault_of(bad).is_some(), "{bad}");
    }
}

#[test]
fn a_query_is_made_one_of_an_address() {
    assert_eq!(encoded_query("a=b%20c&d=/?[]"), "a=b%20c&d=/?[]");
    assert_eq!(encoded_query("a=\"é\\"), "a=%22%C3%A9%5C");
}

/// Paths of few characters, so that the interesting ones meet.
fn paths() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "/", "/", "api", "x", ".", "..", "%2e", "%2F", "%61", "%25", "é", "\\", "?",
    ]);
    prop::collection::vec(part, 0..10).prop_map(|parts| format!("/{}", parts.concat()))
}

proptest! {
    #[test]
    fn what_a_container_sees_of_a_path_is_what_was_compared(sent in paths()) {
        let sent = sent.split('?').next().unwrap();
        let Ok(path) = RequestPath::read(sent) else { return Ok(()) };
        let whole = path.seen.clone();
        prop_assert!(whole.starts_with(b"/") && !whole.windows(2).any(|two| two == b"//"));
        let again = encoded(&whole);
        prop_assert_eq!(&RequestPath::read(&again).unwrap().seen, &whole, "reading is final");
        let Some(below) = path.below(&RulePath::new("/api")) else { return Ok(()) };
        prop_assert!(below.starts_with('/') && !below.starts_with("//"), "{}", below);
        prop_assert!(below.bytes().all(|byte| byte == b'%' || stands(byte)), "{}", below);
        let left = whole.strip_prefix(b"/api").unwrap();
        let left = if left.is_empty() { b"/" } else { left };
        prop_assert_eq!(&*RequestPath::read(&below).unwrap().seen, left);
    }
}
