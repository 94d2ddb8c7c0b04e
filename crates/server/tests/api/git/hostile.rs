//! What people should not do with a remote.

use launcher_testkit::Checkout;

use super::{Remote, checkout, raw};
use crate::world::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn nobody_pushes_without_a_token() {
    let remote = Remote::open().await;
    let checkout = checkout("one");
    for token in ["", "wrong", "rl_AAAA"] {
        let told = checkout.push(&[&remote.url_with(token, "shop"), "main"]).refused();
        assert!(
            told.contains("Authentication failed") || told.contains("could not read"),
            "{told}"
        );
        // Whoever sends one is not told to send one.
        let sent = !token.is_empty();
        assert_eq!(
            told.contains("remote: this token is not valid, or was revoked"),
            sent,
            "{told}"
        );
        assert_eq!(told.contains("the password is a token"), !sent, "{told}");
    }
    assert_eq!(remote.head("main").await, None);
    for path in ["info/refs?service=git-receive-pack", "git-receive-pack", "git-upload-pack"] {
        let method = if path.starts_with("info") { "GET" } else { "POST" };
        let answer = raw::send(&remote, method, &format!("/git/shop.git/{path}"), None, b"").await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{path}: {answer}");
        assert!(answer.to_lowercase().contains("www-authenticate: basic"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_only_the_repositories_of_services() {
    let remote = Remote::open().await;
    let checkout = checkout("one");
    let told = checkout.push(&[&remote.url("blog"), "main"]).refused();
    assert!(told.contains("there is no service blog; create it with `launcher apply`"), "{told}");
    let before = tree(&remote);
    for name in ["..", "..%2f..%2fetc", "shop.git%2f..%2f..", "%2fetc", "shop%00", "SHOP", "."] {
        let path = format!("/git/{name}/info/refs?service=git-receive-pack");
        let answer = raw::send(&remote, "GET", &path, Some(&remote.world.token), b"").await;
        assert!(
            answer.starts_with("HTTP/1.1 404 ") || answer.starts_with("HTTP/1.1 400 "),
            "{name}: {answer}"
        );
    }
    assert_eq!(tree(&remote), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_branches_and_tags_are_taken() {
    let remote = Remote::open().await;
    let checkout = checkout("one");
    for name in
        ["refs/notes/x", "refs/replace/x", "refs/heads/a/../../../config", "HEAD", "../config"]
    {
        let push = raw::push_of(&checkout, name);
        let answer = raw::receive(&remote, &push).await;
        assert!(answer.contains(&format!("ng {name} ")), "{name}: {answer}");
        assert_eq!(remote.head("main").await, None);
    }
    let long = format!("refs/heads/{}", "x".repeat(300));
    let answer = raw::receive(&remote, &raw::push_of(&checkout, &long)).await;
    assert!(answer.contains("its name is too long"), "{answer}");
    assert!(remote.builds().await.is_empty());
    let answer = raw::receive(&remote, &raw::push_of(&checkout, "refs/heads/main")).await;
    assert!(answer.contains("ok refs/heads/main"), "{answer}");
}

/// Trees that would write into `.git`, out of the tree, or through a link, where somebody checks them out.
#[tokio::test(flavor = "multi_thread")]
async fn malicious_trees_never_leave_quarantine() {
    let remote = Remote::open().await;
    for name in [".git", ".GIT", "..", ".git ", "git~1"] {
        let checkout = checkout("one");
        let blob = checkout.git(&["rev-parse", "HEAD:page"]).trim().to_owned();
        let tree = raw::tree_with(&checkout, name, &blob);
        let commit = checkout.git(&["commit-tree", &tree, "-m", "Hostile"]).trim().to_owned();
        let refspec = format!("{commit}:refs/heads/main");
        let told = checkout.push(&[&remote.url("shop"), &refspec]).refused();
        assert!(told.contains("unpacker error") || told.contains("fsck error"), "{name}: {told}");
        assert_eq!(remote.head("main").await, None, "{name}");
        assert_eq!(objects(&remote), 0, "{name}: something has left its quarantine");
    }
    assert!(remote.builds().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_and_settings_of_what_is_pushed_do_nothing() {
    let remote = Remote::open().await;
    let checkout = checkout("one");
    let mark = remote.world.folder.join("a-hook-ran");
    let hook = format!("#!/bin/sh\ntouch {}\n", mark.display());
    for name in ["pre-receive", "update", "post-receive", "post-update", "reference-transaction"] {
        checkout.write(&format!("hooks/{name}"), hook.as_bytes());
        checkout.write(&format!(".githooks/{name}"), hook.as_bytes());
    }
    // Attributes of a tree would leave files out, or put the commit's words into them.
    checkout.write(".gitattributes", b"page export-ignore\nDockerfile export-subst\n");
    checkout.write("Dockerfile", b"FROM scratch\nCOPY page /page\n# $Format:%B$\n");
    checkout.commit("RUN something");
    let _ = checkout.push(&[&remote.url("shop"), "main"]).taken();
    assert!(!mark.exists());
    let built = remote.world.fake.built();
    let mut archive = tar::Archive::new(&built[0].context[..]);
    let mut found = 0;
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
        if path == "page" || (path == "Dockerfile" && text.contains("$Format:%B$")) {
            found += 1;
        }
    }
    assert_eq!(found, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_breaks_off_changes_nothing() {
    let remote = Remote::open().await;
    let checkout = checkout("one");
    checkout.write("noise", &raw::noise(1 << 20));
    checkout.commit("Much");
    let push = raw::push_of(&checkout, "refs/heads/main");
    for length in [3, 60, push.len() / 2, push.len() - 1] {
        raw::break_off(&remote, &push[..length], push.len()).await;
        eventually("nothing being left of it", async || leftovers(&remote) == 0).await;
        assert_eq!(remote.head("main").await, None);
    }
    let answer = raw::receive(&remote, &push).await;
    assert!(answer.contains("ok refs/heads/main"), "{answer}");
    assert_eq!(remote.ended().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_whose_client_goes_away_behind_its_pack_is_built() {
    let remote = Remote::open().await;
    let push = raw::push_of(&checkout("one"), "refs/heads/main");
    // All that git needs is there, and more was promised: it has moved the branch, and will not again.
    raw::break_off(&remote, &push, push.len() + 1).await;
    eventually("it being built", async || remote.builds().await.len() == 1).await;
    assert_eq!(super::word(&remote.ended().await[0]["state"]), "passed");
    assert!(remote.head("main").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_git_s_is_refused() {
    let remote = Remote::open().await;
    for body in [
        &b"zzzz"[..],
        b"0001",
        b"fffffffff",
        b"000bmain\n0000",
        b"00000000",
        &[0x1f, 0x8b, 0, 0][..],
    ] {
        let answer = raw::receive(&remote, body).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["200", "400", "413"].contains(&status), "{body:?}: {answer}");
    }
    let endless: Vec<u8> = b"0032".iter().copied().cycle().take(3 << 20).collect();
    let answer = raw::receive(&remote, &endless).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    // A few kilobytes that would be a gigabyte.
    let answer = raw::fetch_compressed(&remote, &raw::bomb(1 << 30)).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(remote.builds().await.is_empty());
}

/// All files under the data directory, but for the database's.
fn tree(remote: &Remote) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![remote.world.folder.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            if !path.to_string_lossy().contains("launcher.db") {
                found.push(path.display().to_string());
            }
        }
    }
    found.sort();
    found
}

/// How many objects and packs the server's repository has.
fn objects(remote: &Remote) -> usize {
    let inside =
        |path: &&String| path.contains("/objects/") && std::path::Path::new(path).is_file();
    tree(remote).iter().filter(inside).count()
}

/// What is left of pushes that came to nothing.
fn leftovers(remote: &Remote) -> usize {
    let left = |path: &&String| path.contains("tmp_objdir") || path.contains("launcher-push-");
    tree(remote).iter().filter(left).count() + objects(remote)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pushes_of_one_branch_at_once_leave_one() {
    let remote = Remote::open().await;
    let copies: Vec<Checkout> = ["one", "two"].map(checkout).into();
    let url = remote.url("shop");
    let pushes = std::thread::scope(|scope| {
        let begun: Vec<_> =
            copies.iter().map(|copy| scope.spawn(|| copy.push(&[&url, "main"]))).collect();
        begun.into_iter().map(|push| push.join().unwrap()).collect::<Vec<_>>()
    });
    let taken: Vec<_> = pushes.iter().filter(|push| push.ok).collect();
    assert_eq!(taken.len(), 1, "{pushes:?}");
    let head = remote.head("main").await.unwrap();
    let builds = remote.ended().await;
    assert_eq!(builds.len(), 1, "{builds:?}");
    assert_eq!(super::word(&builds[0]["commit"]), head);
}
