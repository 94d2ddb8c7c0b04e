//! Several versions at one time: shares of the traffic, and users who stay where they are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::header;

use crate::browser::{Jar, Users};
use crate::lab::Lab;
use crate::support::*;

/// nginx closes a connection that has carried a thousand requests.
const REQUESTS_PER_CONNECTION: u32 = 900;

async fn ask_often(edge: SocketAddr, requests: u32) {
    let mut left = requests;
    while left > 0 {
        let mut client = Client::connect(edge).await;
        let now = left.min(REQUESTS_PER_CONNECTION);
        for _ in 0..now {
            assert_eq!(client.ask(request(HOST, "/")).await.status, 200);
        }
        left -= now;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_nginx_shares_20_000_requests_within_three_standard_deviations() {
    const CONNECTIONS: u32 = 4;
    const REQUESTS: u32 = 20_000;
    let (v1, v2) = (Container::named("v1").await, Container::named("v2").await);
    let split = shop(1, &[(1, 90), (2, 10)], &[(1, &[&v1]), (2, &[&v2])]);
    let lab = Lab::new(&[split]).await;
    let expected = f64::from(REQUESTS) * 0.1;
    let within = 3.0 * (expected * 0.9).sqrt();
    let mut off = Vec::new();
    // By chance one run in 370 is outside of that, and three in a row are once in fifty million.
    for _ in 0..3 {
        let before = (v1.requests(), v2.requests());
        let asking =
            (0..CONNECTIONS).map(|_| tokio::spawn(ask_often(lab.http, REQUESTS / CONNECTIONS)));
        for asked in asking.collect::<Vec<_>>() {
            asked.await.unwrap();
        }
        let (one, two) = (v1.requests() - before.0, v2.requests() - before.1);
        assert_eq!(one + two, REQUESTS as usize);
        off.push((two as f64 - expected).abs());
        if off.last().is_some_and(|off| *off <= within) {
            eprintln!("{two} of {REQUESTS}; {within:.0} more or less than {expected} are allowed");
            return;
        }
    }
    panic!("off by {off:?}, where {within} is allowed");
}

/// A user who asks on and on, and what became of them.
async fn browse(edge: SocketAddr, stop: Arc<AtomicBool>, asked: Arc<AtomicUsize>) -> Vec<String> {
    let mut jar = Jar::default();
    let mut seen: Vec<String> = Vec::new();
    let mut client = None;
    while !stop.load(Ordering::Relaxed) {
        let was_used = client.is_some();
        let mut over = match client.take() {
            Some(client) => client,
            None => Client::connect(edge).await,
        };
        let answer = match jar.try_to_ask(&mut over, "/").await {
            Ok(answer) => answer,
            // nginx has closed the connection as the request was sent: it is asked again.
            Err(_) if was_used => continue,
            Err(error) => panic!("a request over a new connection failed: {error}"),
        };
        assert_eq!(answer.status, 200, "{answer:?}");
        if seen.last() != Some(&answer.body) {
            seen.push(answer.body);
        }
        asked.fetch_add(1, Ordering::Relaxed);
        let closes = answer.headers.get("connection").is_some_and(|value| value == "close");
        client = (!closes).then_some(over);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    seen
}

fn on_two(users: &Users) -> usize {
    users.users.iter().filter(|(_, version)| version == "v2").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_nginx_moves_nobody_while_a_share_grows_under_load() {
    const BROWSERS: usize = 24;
    let (v1, v2) = (Container::named("v1").await, Container::named("v2").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let mut users = Users::new(lab.http, 100);
    assert!(users.ask().await.iter().all(|(_, now)| now == "v1"));
    assert!(users.users.iter().all(|(jar, _)| jar.0.is_empty()), "one version sets no cookie");

    lab.control.switch(2, &shop(2, &[(1, 90), (2, 10)], pools)).await;
    users.ask().await;
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let browsers: Vec<_> = (0..BROWSERS)
        .map(|_| tokio::spawn(browse(lab.http, stop.clone(), asked.clone())))
        .collect();
    for (revision, percent) in [(3, 30), (4, 50), (5, 80)] {
        let before = asked.load(Ordering::Relaxed);
        until("there is load", || asked.load(Ordering::Relaxed) > before + 500).await;
        let grown = shop(revision, &[(1, 100 - percent), (2, percent)], pools);
        lab.control.switch(revision as i64, &grown).await;
        for (before, now) in users.ask().await {
            assert_eq!(before, now, "at {percent} percent");
        }
        // Those who come new follow the share of now.
        let mut new = Users::new(lab.http, 200);
        new.ask().await;
        let expected = 2.0 * f64::from(percent);
        let sigma = (expected * (1.0 - f64::from(percent) / 100.0)).sqrt();
        assert!((on_two(&new) as f64 - expected).abs() < 5.0 * sigma, "{}", on_two(&new));
    }
    stop.store(true, Ordering::Relaxed);
    for browser in browsers {
        let seen = browser.await.unwrap();
        assert_eq!(seen.len(), 1, "a user saw {seen:?}");
    }
    lab.control.switch(6, &shop(6, &[(2, 100)], pools)).await;
    assert!(users.ask().await.iter().all(|(_, now)| now == "v2"));
}

#[tokio::test]
async fn heavy_nginx_moves_the_users_of_a_version_that_leaves_and_no_others() {
    let (v1, v2, v3) =
        (Container::named("v1").await, Container::named("v2").await, Container::named("v3").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2]), (3, &[&v3])];
    let mut lab = Lab::new(&[shop(1, &[(1, 40), (2, 30), (3, 30)], pools)]).await;
    let mut users = Users::new(lab.http, 150);
    users.ask().await;
    lab.control.switch(2, &shop(2, &[(1, 60), (3, 40)], pools)).await;
    users.only_those_of_move("v2", &["v1", "v3"]).await;
}

#[tokio::test]
async fn heavy_nginx_sets_a_cookie_once_and_takes_no_forged_one() {
    let echo = async |name: &'static str| {
        Container::serve(name, |request| async move {
            let fields = request.headers().get_all("cookie").iter();
            let cookies: Vec<&str> = fields.map(|field| field.to_str().unwrap()).collect();
            let mut response = text(cookies.join("; "));
            response.headers_mut().append("set-cookie", "own=1".parse().unwrap());
            response
        })
        .await
    };
    let (v1, v2, v3) = (echo("v1").await, echo("v2").await, echo("v3").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2]), (3, &[&v3])];
    let mut table = shop(1, &[(1, 99), (2, 1)], pools);
    let mut lab = Lab::new(std::slice::from_ref(&table)).await;
    let mut client = Client::connect(lab.http).await;
    let mut ask = async |fields: &[&str]| {
        let mut request = request(HOST, "/");
        for field in fields {
            request.headers_mut().append("cookie", field.parse().unwrap());
        }
        let answer = client.ask(request).await;
        (answer.headers.get_all(header::SET_COOKIE).iter().count(), answer.body)
    };
    let (cookies, _) = ask(&[]).await;
    assert_eq!(cookies, 2, "the container's own one stays");
    for value in ["v2.s1", "v2.s2x", "xv2.s2", "v2.S2", "v2xs2", "v2.t2", "v2.", "v2", "v3.s3", ""]
    {
        let (cookies, _) = ask(&[&format!("launcher-version-shop={value}")]).await;
        assert_eq!(cookies, 2, "{value} is taken for a new user");
    }
    for other in ["launcher-version-cart=v2.s2", "x-launcher-version-shop=v2.s2"] {
        assert_eq!(ask(&[other]).await.0, 2, "{other}");
    }
    assert_eq!((v2.requests() + v3.requests()) / 5, 0, "by the weights they are on v1");
    let before = v2.requests();
    for fields in [
        &["launcher-version-shop=v2.s2"][..],
        &["a=b; launcher-version-shop=v2.s2; c=d"],
        &["a=b", "launcher-version-shop=v2.s2", "c=d"],
        // One that is worth nothing stands in no other's way (RFC 6265 §5.4).
        &["launcher-version-shop=v9.s9; launcher-version-shop=v2.s2"],
    ] {
        let (cookies, body) = ask(fields).await;
        assert_eq!(cookies, 1, "{fields:?}");
        assert!(body.contains("launcher-version-shop=v2.s2"), "it reaches the container: {body}");
    }
    assert_eq!(v2.requests(), before + 4);

    table.revision = 2;
    table.traffic.sticky = false;
    lab.control.replace(&table).await;
    assert!(
        lab.get("/").await.headers.get_all(header::SET_COOKIE).iter().eq(["own=1"]),
        "without stickiness none is set"
    );
}
