//! The pages that list what there is, without JavaScript.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
mod pages_support;

use launcher_model::VersionNumber;
use launcher_model::role::{Role, Roles};
use pages_support::{Visitor, World};

const LISTS: [&str; 5] = ["builds", "hosts", "edges", "deployments", "events"];

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_says_what_to_do_next() {
    let world = World::new().await;
    let mut visitor = Visitor::signed_in(&world).await;
    for (list, told) in [
        ("builds", "Nothing was built yet."),
        ("deployments", "Nothing was deployed yet."),
        ("hosts", "nothing of ours"),
        ("edges", "Edge"),
    ] {
        let page = visitor.get(&format!("/{list}")).await;
        assert_eq!(page.status, 200, "{list}: {}", page.body);
        assert!(page.body.contains(told), "{list}: {}", page.body);
        let here = format!("href=\"/{list}\" aria-current=\"page\"");
        assert!(page.body.contains(&here), "{list}: {}", page.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_for_who_is_signed_in() {
    let world = World::new().await;
    let mut visitor = Visitor::stranger(&world);
    for list in LISTS {
        let page = visitor.get(&format!("/{list}")).await;
        assert!(page.location().starts_with("/login"), "{list}");
    }
    assert!(visitor.get("/jump?to=shop").await.location().starts_with("/login"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_of_all_services_or_of_one_and_go_on_page_by_page() {
    let world = World::new().await;
    let (shop, other) = (world.service("shop", "").await, world.service("other", "").await);
    world.ready(&shop, "1.0").await;
    world.deploy(&shop, VersionNumber(1)).await;
    world.ready(&other, "1.0").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let all = visitor.get("/events").await.body;
    assert!(all.contains("v1 of shop was launched") && all.contains("v1 of other was launched"));
    let one = visitor.get("/events?service=shop").await.body;
    assert!(one.contains("v1 of shop was launched") && !one.contains("v1 of other was launched"));
    assert!(visitor.get("/deployments?service=other").await.body.contains("Nothing was deployed"));
    assert!(visitor.get("/deployments").await.body.contains("0 failed"));

    for _ in 0..30 {
        world.app.control.pin(&shop, VersionNumber(1), true, "mika").await.unwrap();
        world.app.control.pin(&shop, VersionNumber(1), false, "mika").await.unwrap();
    }
    let first = visitor.get("/events?service=shop").await.body;
    assert!(!first.contains("was launched"), "{first}");
    let (_, rest) = first.split_once("href=\"/events?service=shop&").unwrap();
    let (query, _) = rest.split_once('"').unwrap();
    let query = query.replace("&#38;", "&").replace("#38;", "");
    let second = visitor.get(&format!("/events?service=shop&{query}")).await.body;
    assert!(second.contains("v1 of shop was launched"), "{second}");
    assert!(visitor.get("/events?before=nonsense").await.body.contains("cursor"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_leads_to_the_service_that_is_meant() {
    let world = World::new().await;
    for name in ["shop", "shop-admin", "search"] {
        world.service(name, "").await;
    }
    let mut visitor = Visitor::signed_in(&world).await;
    for (to, path) in [
        ("shop", "/services/shop"),
        ("adm", "/services/shop-admin"),
        ("s", "/?filter=s"),
        ("%3Cb%3E", "/?filter=%3Cb%3E"),
    ] {
        assert_eq!(visitor.get(&format!("/jump?to={to}")).await.location(), path);
    }
    let page = visitor.get("/?filter=search").await.body;
    let row = |name: &str| {
        let (_, row) = page.split_once(&format!("data-name=\"{name}\"")).unwrap();
        row.split_once('>').unwrap().0.ends_with(" hidden")
    };
    assert_eq!(["search", "shop", "shop-admin"].map(row), [false, true, true]);
    let hostile = visitor.get("/?filter=%22%3E%3Cxyz%3E").await.body;
    assert!(!hostile.contains("<xyz>"), "{hostile}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_narrowed_by_a_form_whose_fields_are_the_address() {
    let world = World::without_edge().await;
    let (shop, other) = (world.service("shop", "").await, world.service("other", "").await);
    world.ready(&shop, "1.0").await;
    world.ready(&other, "1.0").await;
    world.app.control.pin(&shop, VersionNumber(1), true, "kim").await.unwrap();
    let mut visitor = Visitor::signed_in(&world).await;
    let all = visitor.get("/events").await.body;
    for field in ["service", "kind", "who", "from", "to"] {
        assert!(all.contains(&format!(" name=\"{field}\"")), "{field} in {all}");
    }
    for (query, shown, hidden) in [
        ("kind=version", "was launched", "is pinned by"),
        ("kind=environment_pinned", "is pinned by", "was launched"),
        ("who=kim", "is pinned by", "was launched"),
        ("service=other&kind=version", "v1 of other was launched", "v1 of shop was launched"),
        ("from=-1h&to=now&kind=version", "was launched", "is pinned by"),
        ("service=&kind=&who=&from=&to=", "was launched", "no such words"),
    ] {
        let page = visitor.get(&format!("/events?{query}")).await.body;
        let list = page.split("id=\"sought\"").nth(1).unwrap();
        let list = list.split_once("</form>").unwrap().1;
        assert!(list.contains(shown) && !list.contains(hidden), "{query}: {page}");
        let part = visitor.get(&format!("/live/events?{query}")).await.body;
        assert!(part.contains(shown), "{query}: {part}");
    }
    let none = visitor.get("/events?to=2001-01-01").await.body;
    assert!(none.contains("Nothing of the kind has happened"), "{none}");
    assert!(none.contains("value=\"2001-01-01\"") && none.contains("All of it"), "{none}");
    for (query, told) in [
        ("from=yesterday", "is no time"),
        ("kind=deploy", "is no kind of event"),
        ("from=now&to=-1h", "From is after to"),
    ] {
        let page = visitor.get(&format!("/events?{query}")).await;
        assert_eq!(page.status, 200, "{query}");
        assert!(page.body.contains(told), "{query}: {}", page.body);
    }
    // All of what is shown is a file, too.
    let page = visitor.get("/events?who=kim&from=-1h").await.body;
    let (_, rest) = page.split_once("href=\"/api/v1/events").unwrap();
    let file = rest.split('"').next().unwrap().replace("&#38;", "&");
    let file = visitor.get(&format!("/api/v1/events{file}")).await;
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"events.csv\"");
    let lines: Vec<_> = file.body.lines().skip(1).collect();
    assert_eq!(lines.len(), 1, "{}", file.body);
    assert!(lines[0].contains(",environment_pinned,shop,1,,kim,"), "{}", file.body);
    // What is older keeps what it is narrowed to, and so does the part that changes.
    for _ in 0..30 {
        world.app.control.pin(&shop, VersionNumber(1), false, "kim").await.unwrap();
        world.app.control.pin(&shop, VersionNumber(1), true, "kim").await.unwrap();
    }
    let first = visitor.get("/events?kind=environment&who=kim").await.body;
    let older = "href=\"/events?kind=environment&#38;who=kim&#38;before=";
    assert!(first.contains(older), "{first}");
    assert!(first.contains("hx-get=\"/live/events?kind=environment&#38;who=kim\""), "{first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_narrowed_and_its_file_has_what_is_shown() {
    let world = World::without_edge().await;
    world.service("shop", "").await;
    let mut visitor = Visitor::signed_in(&world).await;
    let page = visitor.get("/").await;
    let form = [("form_secret", page.field("form_secret")), ("sure", "true")];
    visitor.post("/services/shop/maintenance", &form).await;
    let form = [("form_secret", page.field("form_secret")), ("version", "9"), ("generation", "0")];
    visitor.post("/services/shop/pin", &form).await;
    let listed = async |visitor: &mut Visitor<'_>, query: &str| {
        let page = visitor.get(&format!("/audit?{query}")).await.body;
        page.split("<code>POST ")
            .skip(1)
            .map(|it| it.split('<').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (done, refused) = ("/services/shop/maintenance", "/services/shop/pin");
    assert_eq!(listed(&mut visitor, "kind=refused").await, [refused]);
    assert_eq!(listed(&mut visitor, "kind=done&service=shop").await, [done]);
    assert_eq!(listed(&mut visitor, "who=mika&service=shop").await, [refused, done]);
    assert!(listed(&mut visitor, "who=kim").await.is_empty());
    assert!(listed(&mut visitor, "to=2001-01-01").await.is_empty());
    let page = visitor.get("/audit?kind=refused&from=-1h").await.body;
    let (_, rest) = page.split_once("href=\"/api/v1/audit").unwrap();
    let file = rest.split('"').next().unwrap().replace("&#38;", "&");
    let file = visitor.get(&format!("/api/v1/audit{file}")).await;
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8; header=present");
    let lines: Vec<_> = file.body.lines().skip(1).collect();
    assert_eq!(lines.len(), 1, "{}", file.body);
    assert!(lines[0].contains(refused), "{}", file.body);
    let odd = visitor.get("/audit?kind=lost").await.body;
    assert!(odd.contains("is no outcome of a call"), "{odd}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_ordered_anew_by_a_press() {
    let world = World::new().await;
    let mut visitor = Visitor::signed_in(&world).await;
    assert!(visitor.get("/certificates").await.body.contains("No certificate is ordered"));
    let shop = world.service("shop", "").await;
    let names = vec!["shop.example.com".to_owned()];
    let at = world.app.now();
    let why = "the authority was away".to_owned();
    let failure = Some(launcher_store::CertificateFailure { why, at, again_at: at, times: 1 });
    let (issued, asked_at) = (None, None);
    let record =
        launcher_store::CertificateRecord { service: shop, names, issued, failure, asked_at };
    world.app.store.keep_certificate(&record, &[], at).await.unwrap();
    let page = visitor.get("/certificates").await;
    for told in ["shop.example.com", "The authority was away.", "missing", "Renew now"] {
        assert!(page.body.contains(told), "{told}: {}", page.body);
    }
    let form = [("form_secret", page.field("form_secret"))];
    let pressed = visitor.post("/certificates/shop/renew", &form).await;
    assert_eq!(pressed.location(), "/certificates");
    let page = visitor.get("/certificates").await;
    assert!(page.flash().unwrap().contains("is being ordered"), "{:?}", page.flash());
    assert!(page.body.contains("being ordered") && !page.body.contains("Renew now"));

    let roles = Roles { role: Role::Viewer, services: Default::default() };
    world.app.store.keep_certificate(&record, &[], at).await.unwrap();
    let mut viewer = Visitor::person(&world, "vera", roles).await;
    assert!(!viewer.get("/certificates").await.body.contains("Renew now"));
}
