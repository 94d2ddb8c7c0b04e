use launcher_model::{ServiceName, VersionNumber};
use launcher_testkit::wait::{SOON, until};

use super::*;

fn gathered(now: i64) -> Gathered {
    Gathered::new(Arc::new(move || now))
}

fn key() -> Key {
    Key::Traffic(ServiceName::new("shop").unwrap(), VersionNumber(1))
}

fn failed(failed: u64) -> Value {
    Value::Traffic(Traffic { failed, ..Traffic::default() })
}

fn carry(gathered: &Gathered, edge: &str, at: i64, failed: u64) {
    let traffic = Traffic { failed, ..Traffic::default() };
    let (service, version) = (ServiceName::new("shop").unwrap(), VersionNumber(1));
    let sample = TrafficSample { service, version, traffic };
    gathered.traffic(&EdgeName::new(edge).unwrap(), at, vec![sample]);
}

#[test]
fn each_reader_takes_all_at_its_own_pace_and_as_it_wants_it() {
    let gathered = gathered(100);
    let (whole, news) = (gathered.feed(), gathered.feed_of_news());
    carry(&gathered, "a", 90, 1);
    let told = Some((Told::Second(90), vec![(key(), failed(1))]));
    assert_eq!(gathered.take_told(&whole, 100), told);
    carry(&gathered, "b", 90, 2);
    carry(&gathered, "b", 90, 2);
    let told = Some((Told::Second(90), vec![(key(), failed(3))]));
    assert_eq!(gathered.take_told(&whole, 100), told, "it is told again, as a whole");
    assert_eq!(gathered.take_told(&whole, 100), None);

    let new = |new, whole| vec![New { key: key(), new: failed(new), whole }];
    let all = new(3, Some(failed(3)));
    assert_eq!(gathered.take_new(&news, 100), Some((Told::Second(90), all)));
    carry(&gathered, "c", 90, 4);
    assert_eq!(gathered.take_new(&news, 91), None, "its time was told");
    assert_eq!(gathered.take_new(&news, 92), Some((Told::Second(91), new(4, None))));
    assert_eq!(gathered.take_new(&news, 100), None);
}

#[tokio::test]
async fn a_reader_that_waits_is_woken_though_another_one_waits_too() {
    let gathered = Arc::new(gathered(110));
    let readers = [gathered.feed(), gathered.feed_of_news()];
    let taken = Arc::new(Mutex::new([0, 0]));
    for (at, reader) in readers.into_iter().enumerate() {
        let (gathered, taken) = (Arc::clone(&gathered), Arc::clone(&taken));
        tokio::spawn(async move {
            let take = |until| {
                while gathered.take_told(&reader, until).is_some() {
                    taken.lock().unwrap()[at] += 1;
                }
            };
            gathered.follow(&reader, take).await;
        });
    }
    // Both have seen that there is nothing, and wait.
    tokio::task::yield_now().await;
    for second in 100..103 {
        carry(&gathered, "a", second, 1);
    }
    until("both have taken all", SOON, || async {
        (*taken.lock().unwrap() == [3, 3]).then_some(())
    })
    .await;
}

#[test]
fn a_glance_is_of_what_counts_and_of_lately() {
    let gathered = gathered(1000);
    let shop = ServiceName::new("shop").unwrap();
    let tell = |version: u32, at: i64, requests: [u64; 5]| {
        let mut traffic = Traffic { requests, ..Traffic::default() };
        (0..traffic.answered()).for_each(|_| traffic.latency.record(at.unsigned_abs()));
        let version = VersionNumber(version);
        let sample = TrafficSample { service: shop.clone(), version, traffic };
        gathered.traffic(&EdgeName::new(format!("e{version}")).unwrap(), at, vec![sample]);
    };
    // The last step that is whole is from 987 to 996.
    tell(1, 700, [0, 30, 0, 0, 10]);
    tell(1, 987, [0, 57, 0, 0, 3]);
    tell(1, 997, [0, 500, 0, 0, 0]);
    tell(2, 990, [0, 0, 0, 0, 900]);
    let glances = gathered.glances(|service, version| *service == shop && version.0 == 1);
    let glance = &glances[&shop];
    assert_eq!((glance.requests.len(), glance.requests[0], glance.requests[29]), (30, 4.0, 6.0));
    assert_eq!((glance.errors[0], glance.errors[1], glance.errors[29]), (0.25, 0.0, 0.05));
    assert_eq!((glance.rate, glance.error_share), (2.0, Some(0.05)));
    assert!((0.97..=1.0).contains(&glance.p99.unwrap()), "{glance:?}");
    assert!(gathered.glances(|_, _| false).is_empty());
}
