//! The masters that the configuration names.

use reqwest::Url;

use crate::{Error, Result};

/// At least one.
#[derive(Debug)]
pub(super) struct Masters(Vec<Url>);

impl Masters {
    /// Checks addresses.
    pub(super) fn read(urls: &[String]) -> Result<Self> {
        let masters = urls.iter().map(|url| read(url)).collect::<Result<Vec<_>>>()?;
        if masters.is_empty() {
            return Err(refuse("nothing", "name at least one, such as http://10.0.0.5:8080"));
        }
        Ok(Self(masters))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Where a call goes.
    pub(super) fn url(&self, index: usize, path: &str) -> Url {
        let base = &self.0[index % self.0.len()];
        let (path, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q)));
        let mut url = base.clone();
        url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }

    /// Whether an address is that of one of them.
    pub(super) fn knows(&self, url: &Url) -> bool {
        self.0.iter().any(|master| master.origin() == url.origin())
    }

    /// One of them, for people.
    pub(super) fn shown(&self, index: usize) -> &str {
        self.0[index % self.0.len()].as_str().trim_end_matches('/')
    }
}

fn read(text: &str) -> Result<Url> {
    let Ok(url) = Url::parse(text) else {
        return Err(refuse(text, "write http://HOST:PORT or https://HOST:PORT"));
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(refuse(text, "write http://HOST:PORT or https://HOST:PORT"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let shown = format!("{}://…@{}", url.scheme(), url.host_str().unwrap_or_default());
        return Err(refuse(&shown, "give the login with username and password_file"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse(text, "it ends with its path"));
    }
    Ok(url)
}

fn refuse(given: &str, why: &'static str) -> Error {
    Error::Setting { what: "Marathon's address", given: given.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_completed() {
        let urls = ["http://m1:8080".to_owned(), "https://dcos/service/marathon/".to_owned()];
        let masters = Masters::read(&urls).unwrap();
        assert_eq!(masters.url(0, "/v2/apps?id=x").as_str(), "http://m1:8080/v2/apps?id=x");
        let second = masters.url(1, "/v2/apps//a/b");
        assert_eq!(second.as_str(), "https://dcos/service/marathon/v2/apps//a/b");
        let url = |text: &str| Url::parse(text).unwrap();
        assert!(masters.knows(&url("http://m1:8080/v2/events")));
        for stranger in ["http://m1:8081/", "https://m1:8080/", "http://m2:8080/"] {
            assert!(!masters.knows(&url(stranger)), "{stranger}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_a_password_is_not_repeated() {
        for bad in ["", "m1:8080", "unix:///x", "http://u:secret@m1:8080", "http://m1/?a"] {
            let error = Masters::read(&[bad.to_owned()]).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(Masters::read(&[]).is_err());
    }
}
