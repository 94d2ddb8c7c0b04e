//! Switches: what is served after one, and who may notice.

use launcher_model::Generation;

use crate::lab::Lab;
use crate::support::*;

#[tokio::test]
async fn heavy_nginx_serves_what_a_switch_says() {
    let (v1, v2) = (Container::named("one").await, Container::named("two").await);
    let pools: &[(u32, &[&Container])] = &[(1, &[&v1]), (2, &[&v2])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    assert_eq!(lab.get("/").await.body, "one");
    let readiness = lab.control.prepare(7, &shop(2, &[(2, 100)], pools)).await.unwrap();
    assert_eq!(readiness.checked, 1);
    assert_eq!(lab.get("/").await.body, "one", "preparing changes nothing");
    let flip = lab.control.commit(7).await.unwrap();
    assert_eq!(flip.generation, Generation(2));
    assert_eq!(lab.get("/").await.body, "two");
    let outcome = lab.control.drained(7).await;
    assert_eq!((outcome.versions.len(), outcome.drained, outcome.cut), (1, 0, 0));
    assert_eq!(get(lab.http, "v1.shop.preview.test", "/").await.body, "one");
    assert_eq!(get(lab.http, "v2.shop.preview.test", "/").await.body, "two");
    assert_eq!(get(lab.http, "v3.shop.preview.test", "/").await.status, 404);
    assert_eq!(get(lab.http, "nobody.test", "/").await.status, 404);
    eprintln!("prepared in {} us, committed in {} us", readiness.took_us, flip.took_us);
}
