//! What a team has already: the code host that a service's source is on, and the Jenkins that builds it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Span;

/// What kind of code host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CodeHost {
    /// GitHub, also GitHub Enterprise.
    Github,
    /// GitLab.
    Gitlab,
    /// Gitea, also Forgejo.
    Gitea,
}

impl CodeHost {
    /// Its name in settings and paths.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Gitea => "gitea",
        }
    }

    /// As its makers write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "GitHub",
            Self::Gitlab => "GitLab",
            Self::Gitea => "Gitea",
        }
    }
}

/// The repository on a code host that a service's source comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// What kind of host it is on.
    pub host: CodeHost,
    /// Where it is cloned from, by HTTP.
    #[schema(example = "https://github.com/acme/shop.git")]
    pub url: String,
    /// Where the host's API is; what the host's own documentation says for this `url` when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://github.example.com/api/v3")]
    pub api: Option<String>,
    /// The secret with which the host signs what it tells. Without one nothing that it tells is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "shop/hook")]
    pub hook_secret: Option<String>,
    /// The secret with the token for fetching, and for telling the host how builds went. Without one only
    /// what everybody may read is fetched, and nothing is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "shop/github-token")]
    pub token: Option<String>,
}

/// The parts of a repository's URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepositoryUrl<'a> {
    /// The scheme and the authority: `https://github.com`.
    pub origin: &'a str,
    /// The path, without the slash before and `.git` behind it: `acme/shop`.
    pub path: &'a str,
}

impl<'a> RepositoryUrl<'a> {
    /// Reads a URL as code hosts give it for cloning by HTTP.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(url: &'a str) -> Result<Self, &'static str> {
        let (origin, path) = http_url(url)?;
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let parts = path.split('/').count();
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        if parts < 2 || !path.split('/').all(plain) {
            return Err("it must name the owner and the repository behind the host");
        }
        Ok(Self { origin, path })
    }
}

impl Upstream {
    /// The repository as the host's API names it: `acme/shop`. A host that is not at the root of its
    /// origin has a longer path, of which the beginning is not the repository's.
    #[must_use]
    pub fn project(&self) -> &str {
        let Ok(url) = RepositoryUrl::read(&self.url) else { return "" };
        match self.host {
            // Groups may be nested; what is before them is known from the API's place.
            CodeHost::Gitlab => {
                let root = self.api.as_deref().and_then(|api| {
                    api.trim_end_matches('/').strip_suffix("/api/v4")?.strip_prefix(url.origin)
                });
                let root = root.unwrap_or_default().trim_matches('/');
                let rest = url.path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/'));
                rest.filter(|_| !root.is_empty()).unwrap_or(url.path)
            }
            CodeHost::Github | CodeHost::Gitea => {
                let owner = url.path.rmatch_indices('/').nth(1);
                owner.map_or(url.path, |(at, _)| &url.path[at + 1..])
            }
        }
    }

    /// Where the host's API is, without a slash at the end.
    #[must_use]
    pub fn api_url(&self) -> String {
        if let Some(api) = &self.api {
            return api.trim_end_matches('/').to_owned();
        }
        let Ok(url) = RepositoryUrl::read(&self.url) else { return String::new() };
        match self.host {
            CodeHost::Github if url.origin == "https://github.com" => {
                "https://api.github.com".to_owned()
            }
            CodeHost::Github => format!("{}/api/v3", url.origin),
            CodeHost::Gitlab => format!("{}/api/v4", url.origin),
            CodeHost::Gitea => {
                let root = url.path.strip_suffix(self.project()).unwrap_or_default();
                let root = root.trim_end_matches('/');
                let slash = if root.is_empty() { "" } else { "/" };
                format!("{}{slash}{root}/api/v1", url.origin)
            }
        }
    }
}

/// The Jenkins job that builds what is pushed, in the place of this server's own engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Jenkins {
    /// Where Jenkins is.
    #[schema(example = "https://jenkins.example.com")]
    pub url: String,
    /// The job; `folder/job` when it is in a folder.
    #[schema(example = "shop")]
    pub job: String,
    /// Who starts it.
    pub user: String,
    /// The secret with that user's API token.
    #[schema(example = "shop/jenkins-token")]
    pub token: String,
    /// Parameters that the job is given beside the commit and the branch.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// How long it may take, waiting for its turn included.
    #[serde(default = "job_timeout")]
    pub timeout: Span,
}

fn job_timeout() -> Span {
    Span::secs(60 * 60)
}

/// The origin and the path of an `http` or `https` URL without user, query and fragment.
///
/// # Errors
/// Why it is none.
pub(super) fn http_url(url: &str) -> Result<(&str, &str), &'static str> {
    let scheme = ["https://", "http://"].into_iter().find(|scheme| url.starts_with(scheme));
    let scheme = scheme.ok_or("it must begin with https:// or http://")?;
    if url.len() > 2000
        || url.bytes().any(|b| b <= b' ' || b >= 0x7f || b"\\\"'<>^`{|}".contains(&b))
    {
        return Err("it has characters that no URL has");
    }
    if url.contains(['?', '#']) {
        return Err("it must end with its path");
    }
    let rest = &url[scheme.len()..];
    let end = rest.find('/').unwrap_or(rest.len());
    if rest[..end].contains('@') {
        return Err("it must not name a user or a password; name the secret with the token");
    }
    if end == 0 {
        return Err("it must name a host");
    }
    Ok(url.split_at(scheme.len() + end))
}

#[cfg(test)]
mod tests {
    use super::{CodeHost, RepositoryUrl, Upstream};

    fn upstream(host: CodeHost, url: &str, api: Option<&str>) -> Upstream {
        let api = api.map(str::to_owned);
        Upstream { host, url: url.to_owned(), api, hook_secret: None, token: None }
    }

    #[test]
    fn a_host_s_api_is_where_its_documentation_says() {
        use CodeHost::{Gitea, Github, Gitlab};
        for (host, url, api, expected, project) in [
            (
                Github,
                "https://github.com/acme/shop.git",
                None,
                "https://api.github.com",
                "acme/shop",
            ),
            (
                Github,
                "https://ghe.acme.io/acme/shop",
                None,
                "https://ghe.acme.io/api/v3",
                "acme/shop",
            ),
            (
                Gitlab,
                "https://gitlab.com/acme/web/shop.git",
                None,
                "https://gitlab.com/api/v4",
                "acme/web/shop",
            ),
            (
                Gitlab,
                "https://acme.io/gitlab/acme/shop.git",
                Some("https://acme.io/gitlab/api/v4/"),
                "https://acme.io/gitlab/api/v4",
                "acme/shop",
            ),
            (
                Gitea,
                "http://git.acme.io:3000/acme/shop.git",
                None,
                "http://git.acme.io:3000/api/v1",
                "acme/shop",
            ),
            (
                Gitea,
                "https://acme.io/git/acme/shop.git/",
                None,
                "https://acme.io/git/api/v1",
                "acme/shop",
            ),
        ] {
            let upstream = upstream(host, url, api);
            assert_eq!(upstream.api_url(), expected, "{url}");
            assert_eq!(upstream.project(), project, "{url}");
        }
    }

    #[test]
    fn only_what_is_cloned_by_http_is_a_repository() {
        for url in [
            "",
            "git@github.com:acme/shop.git",
            "ssh://git@github.com/acme/shop.git",
            "file:///srv/shop.git",
            "ext::sh -c id",
            "/srv/acme/shop.git",
            "--upload-pack=id",
            "https://",
            "https:///acme/shop",
            "https://github.com",
            "https://github.com/shop.git",
            "https://github.com/acme/",
            "https://github.com/acme//shop",
            "https://github.com/../shop",
            "https://anna:secret@github.com/acme/shop.git",
            "https://github.com/acme/shop.git?x=1",
            "https://github.com/acme/shop.git#x",
            "https://github.com/acme/sh op.git",
            "https://github.com/acme/shop.git\n",
        ] {
            assert!(RepositoryUrl::read(url).is_err(), "{url:?}");
        }
    }
}
