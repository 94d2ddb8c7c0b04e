//! What the hosts send, with the fields that their documentation names ("push" at GitHub, "Push events" at
//! GitLab, "Webhooks" at Gitea), and how they sign it: by another program than the one under test.

use std::io::Write;
use std::process::{Command, Stdio};

use launcher_model::service::CodeHost;
use serde_json::{Value, json};

/// No commit.
pub const NONE: &str = "0000000000000000000000000000000000000000";

/// A push of a branch by `mika`.
pub fn push(host: CodeHost, base: &str, branch: &str, before: &str, after: &str) -> Value {
    match host {
        CodeHost::Github => github(base, branch, before, after),
        CodeHost::Gitlab => gitlab(base, branch, before, after),
        CodeHost::Gitea => gitea(base, branch, before, after),
    }
}

fn github(base: &str, branch: &str, before: &str, after: &str) -> Value {
    let head = (after != NONE).then(|| {
        json!({
            "id": after,
            "tree_id": "f9d2a07e9488b91af2641b26b9407fe22a451433",
            "distinct": true,
            "message": "Say something else\n\nAnd why.",
            "timestamp": "2026-05-15T15:20:41+02:00",
            "url": format!("{base}/acme/shop/commit/{after}"),
            "author": { "name": "Mika", "email": "mika@example.com", "username": "mika" },
            "committer": { "name": "Mika", "email": "mika@example.com", "username": "mika" },
            "added": [], "removed": [], "modified": ["page"]
        })
    });
    json!({
        "ref": format!("refs/heads/{branch}"),
        "before": before,
        "after": after,
        "base_ref": null,
        "created": before == NONE,
        "deleted": after == NONE,
        "forced": false,
        "compare": format!("{base}/acme/shop/compare/{before}...{after}"),
        "commits": head.iter().collect::<Vec<_>>(),
        "head_commit": head,
        "pusher": { "name": "mika", "email": "mika@example.com" },
        "repository": {
            "id": 186_853_002, "node_id": "MDEwOlJlcG9zaXRvcnkxODY4NTMwMDI=", "name": "shop",
            "full_name": "acme/shop", "private": true, "html_url": format!("{base}/acme/shop"),
            "clone_url": format!("{base}/acme/shop.git"), "default_branch": "main",
            "owner": { "login": "acme", "id": 21_031_067, "type": "Organization" }
        },
        "sender": { "login": "mika", "id": 21_031_067, "type": "User" }
    })
}

fn gitlab(base: &str, branch: &str, before: &str, after: &str) -> Value {
    let commit = json!({
        "id": after,
        "message": "Say something else\n\nAnd why.",
        "title": "Say something else",
        "timestamp": "2026-05-15T15:20:41+02:00",
        "url": format!("{base}/acme/shop/-/commit/{after}"),
        "author": { "name": "Mika", "email": "mika@example.com" },
        "added": [], "removed": [], "modified": ["page"]
    });
    let commits = if after == NONE { vec![] } else { vec![commit] };
    json!({
        "object_kind": "push", "event_name": "push",
        "before": before, "after": after,
        "ref": format!("refs/heads/{branch}"), "ref_protected": true,
        "checkout_sha": (after != NONE).then_some(after),
        "message": null,
        "user_id": 4, "user_name": "Mika", "user_username": "mika", "user_email": "",
        "project_id": 15,
        "project": {
            "id": 15, "name": "shop", "web_url": format!("{base}/acme/shop"), "namespace": "acme",
            "git_http_url": format!("{base}/acme/shop.git"), "path_with_namespace": "acme/shop",
            "visibility_level": 0, "default_branch": "main"
        },
        "commits": commits, "total_commits_count": 1, "push_options": {}
    })
}

fn gitea(base: &str, branch: &str, before: &str, after: &str) -> Value {
    let mika =
        json!({ "id": 1, "login": "mika", "full_name": "Mika", "email": "mika@example.com" });
    let head = json!({
        "id": after,
        "message": "Say something else\n\nAnd why.",
        "url": format!("{base}/acme/shop/commit/{after}"),
        "author": { "name": "Mika", "email": "mika@example.com", "username": "mika" },
        "timestamp": "2026-05-15T15:20:41+02:00"
    });
    json!({
        "ref": format!("refs/heads/{branch}"),
        "before": before, "after": after,
        "compare_url": format!("{base}/acme/shop/compare/{before}...{after}"),
        "commits": [head], "total_commits": 1, "head_commit": head,
        "repository": {
            "id": 140, "name": "shop", "full_name": "acme/shop", "private": true,
            "owner": mika, "html_url": format!("{base}/acme/shop"),
            "clone_url": format!("{base}/acme/shop.git"), "default_branch": "main"
        },
        "pusher": mika, "sender": mika
    })
}

/// The headers with which a host sends a push.
pub fn signed(host: CodeHost, secret: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let id = "72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned();
    match host {
        CodeHost::Github => vec![
            ("x-github-delivery", id),
            ("x-github-event", "push".to_owned()),
            ("x-hub-signature-256", format!("sha256={}", hmac(secret.as_bytes(), body))),
        ],
        CodeHost::Gitlab => vec![
            ("x-gitlab-event", "Push Hook".to_owned()),
            ("x-gitlab-event-uuid", id),
            ("x-gitlab-token", secret.to_owned()),
        ],
        CodeHost::Gitea => vec![
            ("x-gitea-delivery", id.clone()),
            ("x-github-delivery", id),
            ("x-gitea-event", "push".to_owned()),
            ("x-github-event", "push".to_owned()),
            ("x-gitea-signature", hmac(secret.as_bytes(), body)),
        ],
    }
}

/// HMAC-SHA-256 in hexadecimal, by OpenSSL.
pub fn hmac(key: &[u8], body: &[u8]) -> String {
    // OpenSSL takes no empty key; one of zeros is the same (RFC 2104, section 2).
    let key = if key.is_empty() { &[0] } else { key };
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &format!("hexkey:{key}"), "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("no openssl: run `dev/setup.sh test`");
    child.stdin.take().unwrap().write_all(body).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}
