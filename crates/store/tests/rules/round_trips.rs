//! Whatever the model can say comes back from the store as it went in.

use std::collections::BTreeMap;

use launcher_model::environment::Failure;
use launcher_model::route::{EdgeReceipt, HoldReceipt, Receipt, Weights};
use launcher_model::service::{Health, Hooks, Keep, Resources, ServiceSpec, Traffic};
use launcher_model::{Bytes, Cpus, DeploymentId, EdgeName, Span, VersionNumber, Weight};
use launcher_store::{EnvironmentChange, PutOutcome};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::*;

fn texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[A-Z_]{1,12}", any::<String>(), 0..5)
}

fn span() -> impl Strategy<Value = Span> {
    (0..1_000_000_000_u64).prop_map(Span::millis)
}

fn health() -> impl Strategy<Value = Health> {
    let command = option::of(vec(any::<String>(), 0..3));
    (
        option::of(any::<String>()),
        any::<[bool; 2]>(),
        command,
        [span(), span(), span()],
        any::<[u16; 2]>(),
    )
        .prop_map(
            |(path, [tcp, grpc], exec, [interval, timeout, start_period], [healthy, unhealthy])| {
                Health {
                    path,
                    tcp,
                    exec,
                    grpc,
                    interval,
                    timeout,
                    healthy_after: healthy,
                    unhealthy_after: unhealthy,
                    start_period,
                }
            },
        )
}

fn resources() -> impl Strategy<Value = Resources> {
    let cpus = option::of((0.01..1024.0).prop_map(|cpus| Cpus::new(cpus).unwrap()));
    (cpus, option::of((0..i64::MAX as u64).prop_map(Bytes)))
        .prop_map(|(cpus, memory)| Resources { cpus, memory })
}

prop_compose! {
    fn any_spec()(
        image in option::of(any::<String>()),
        replicas: u16,
        port: u16,
        health in health(),
        resources in resources(),
        env in texts(),
        secrets in texts(),
        release in option::of(vec(any::<String>(), 0..4)),
        release_timeout in span(),
        (running, stopped) in any::<(u16, u16)>(),
        [drain, response_timeout, connect_timeout] in [span(), span(), span()],
        sticky: bool,
    ) -> ServiceSpec {
        let mut spec = spec("shop", &["shop.example.com"]);
        spec.service.image = image;
        spec.service.replicas = replicas;
        spec.service.port = port;
        ServiceSpec {
            health,
            resources: resources.clone(),
            env,
            secrets,
            hooks: Hooks { release, release_timeout },
            keep: Keep { running, stopped },
            traffic: Traffic {
                drain,
                response_timeout,
                connect_timeout,
                sticky,
                max_body: resources.memory,
                eject_after: replicas,
                slow_start: Some(drain),
                move_within: Some(response_timeout),
                silence_timeout: Some(connect_timeout),
            },
            ..spec
        }
    }
}

fn any_weights() -> impl Strategy<Value = Weights> {
    let weight = (0..=100_u8).prop_map(|percent| Weight::new(percent).unwrap());
    btree_map((1..u32::MAX).prop_map(VersionNumber), weight, 0..4)
}

prop_compose! {
    fn any_receipt()(
        numbers in any::<[u64; 9]>(),
        drain_ms in option::of(any::<u64>()),
        superseded: bool,
        superseded_by in option::of((1..i64::MAX).prop_map(DeploymentId)),
        recovered: bool,
        held in option::of(any::<(u64, u64, bool, bool)>()),
        fenced in vec(option::of(any::<String>()), 0..3),
    ) -> Receipt {
        let [switch_us, start_ms, skew_us, requests, connections, drained, failed, cut, moved] =
            numbers;
        let edge = |fenced| EdgeReceipt {
            edge: EdgeName::new("local").unwrap(),
            prepare_us: skew_us,
            commit_us: cut,
            checked: 3,
            fenced,
        };
        Receipt {
            switch_us,
            start_ms,
            skew_us,
            in_flight_requests: requests,
            in_flight_connections: connections,
            drained,
            failed,
            cut,
            moved,
            superseded,
            superseded_by,
            drain_ms,
            recovered,
            hold: held.map(|(requests, longest_us, rested, lapsed)| HoldReceipt {
                requests,
                longest_us,
                rested,
                lapsed,
            }),
            edges: fenced.into_iter().map(edge).collect(),
        }
    }
}

/// Runs a property on one store: opening one for each case would take most of the time.
fn check<S: Strategy>(
    cases: S,
    property: &impl AsyncFn(&Temporary, S::Value) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(async {
        let store = Temporary::open().await;
        put(&*store, "shop").await;
        store
    });
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&cases, |case| runtime.block_on(property(&store, case)))
        .unwrap_or_else(|error| panic!("{error}"));
    drop(runtime);
}

#[test]
fn settings() {
    check(any_spec(), &async |store: &Temporary, spec: ServiceSpec| {
        store.put_service(&spec, "alice", at(0)).await.unwrap();
        let kept = store.service(&spec.service.name).await.unwrap().unwrap();
        prop_assert_eq!(&kept.spec, &spec);
        let again = store.put_service(&spec, "alice", at(1)).await.unwrap();
        prop_assert_eq!(again, PutOutcome::Unchanged);
        let (version, environment) = launch(&**store, &spec).await;
        prop_assert_eq!(&version.spec, &spec);
        prop_assert_eq!(environment.replicas, spec.service.replicas);
        let read = store.version(&version.service, version.number).await.unwrap();
        prop_assert_eq!(read, Some(version));
        Ok(())
    });
}

#[test]
fn failures() {
    check(
        (any::<String>(), vec(any::<String>(), 0..4)),
        &async |store: &Temporary, (reason, log)| {
            let shop = spec("shop", &[]);
            let (version, _) = launch(&**store, &shop).await;
            let change = EnvironmentChange {
                failure: Some(Some(Failure { reason, log })),
                ..EnvironmentChange::default()
            };
            let changed = store
                .change_environment(&version.service, version.number, change, &[], at(1))
                .await
                .unwrap();
            let read = store.environment(&version.service, version.number).await.unwrap();
            prop_assert_eq!(read, Some(changed));
            Ok(())
        },
    );
}

#[test]
fn deployments() {
    let cases = (any_weights(), any_weights(), any::<String>(), any_receipt());
    check(cases, &async |store: &Temporary, (from, to, note, receipt)| {
        let mut new = deployment(&service("shop"), &from, &to);
        new.note = Some(note);
        let begun = store.begin_deployment(new, &[], at(1)).await.unwrap();
        prop_assert_eq!((&begun.from, &begun.to), (&from, &to));
        let read = store.deployment(begun.id).await.unwrap();
        prop_assert_eq!(read.as_ref(), Some(&begun));
        store.deployment_aborted(begun.id, "", &[], at(2)).await.unwrap();

        let shop = spec("shop", &[]);
        let version = ready(&**store, &shop).await;
        let id = begin(&**store, &service("shop"), version).await.unwrap().id;
        store.commit_route(id, at(3)).await.unwrap();
        let live = store.deployment_live(id, &receipt, &[], at(4)).await.unwrap();
        prop_assert_eq!(live.receipt.as_ref(), Some(&receipt));
        prop_assert_eq!(store.deployment(id).await.unwrap(), Some(live));
        store.deployment_done(id, &receipt, &[], at(5)).await.unwrap();
        Ok(())
    });
}
