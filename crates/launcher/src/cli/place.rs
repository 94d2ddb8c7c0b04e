//! Where the server is, and the token for it.
//!
//! A token is only ever sent to the server that it belongs to: the one of `LAUNCHER_TOKEN` to whatever
//! URL was said, the one of a login to the URL of that login, the administrator's of this machine to the
//! server of this machine.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::Failure;
use super::args::client::ServerOptions;
use super::login::{self, Login};
use crate::run::data;

/// Where the server of this machine listens when it has not said.
const DEFAULT_URL: &str = "http://127.0.0.1:7070";

/// A server and the token for it.
#[derive(Debug)]
pub(super) struct Place {
    /// The server.
    pub(super) url: Url,
    /// The token.
    pub(super) token: SecretString,
}

/// What may say where the server is, read from the surroundings.
#[derive(Debug, Default)]
struct Hints {
    url: Option<String>,
    token: Option<SecretString>,
    login: Option<Login>,
    /// The server of this machine was asked for by its data directory.
    local_first: bool,
    local_url: String,
    local_token: Option<SecretString>,
    local_trouble: Option<String>,
}

/// Finds the server and the token.
///
/// # Errors
/// When the URL makes no sense, a file that was named cannot be read, or there is no token.
pub(super) fn find(options: &ServerOptions) -> Result<Place, Failure> {
    decide(hints(options)?)
}

/// Finds the server alone, for when there is no token.
pub(super) fn find_url(options: &ServerOptions) -> Result<Url, Failure> {
    url(&decide_url(&hints(options)?))
}

/// Reads a server's URL.
pub(super) fn url(text: &str) -> Result<Url, Failure> {
    let fault = || Failure::Url { given: text.to_owned() };
    let mut url = Url::parse(text.trim()).map_err(|_| fault())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(fault());
    }
    // The API's own address is copied as easily as the server's.
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/api/v1").or_else(|| path.strip_suffix("/api")).unwrap_or(path);
    url.set_path(&format!("{path}/"));
    Ok(url)
}

fn hints(options: &ServerOptions) -> Result<Hints, Failure> {
    let token = match &options.token_file {
        Some(file) => Some(
            read_token(file)
                .map_err(Failure::io(format!("read the token file {}", file.display())))?,
        ),
        None => std::env::var("LAUNCHER_TOKEN")
            .ok()
            .filter(|token| !token.trim().is_empty())
            .map(|token| SecretString::from(token.trim().to_owned())),
    };
    let dir: PathBuf = options.data.clone().unwrap_or_else(data::default_dir);
    let address = std::fs::read_to_string(dir.join("address")).ok();
    let address = address.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let admin = dir.join("admin-token");
    let (local_token, local_trouble) = match read_token(&admin) {
        Ok(token) => (Some(token), None),
        Err(error) => (None, Some(trouble(&admin, &error))),
    };
    Ok(Hints {
        url: options.url.clone(),
        login: if token.is_some() && options.url.is_some() { None } else { login::read()? },
        token,
        local_first: options.data.is_some(),
        local_url: address.unwrap_or_else(|| DEFAULT_URL.to_owned()),
        local_token,
        local_trouble,
    })
}

fn trouble(file: &Path, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => format!(
            "{} is not there; the first start of `launcher up` makes it, and `launcher token recover` a new one",
            file.display()
        ),
        ErrorKind::PermissionDenied => {
            format!("{} may only be read by the user who runs `launcher up`", file.display())
        }
        _ => format!("{}: {error}", file.display()),
    }
}

fn read_token(file: &Path) -> std::io::Result<SecretString> {
    std::fs::read_to_string(file).map(|text| SecretString::from(text.trim().to_owned()))
}

fn decide_url(hints: &Hints) -> String {
    match (&hints.url, &hints.login) {
        (Some(url), _) => url.clone(),
        (None, Some(login)) if !hints.local_first => login.url.clone(),
        _ => hints.local_url.clone(),
    }
}

fn decide(hints: Hints) -> Result<Place, Failure> {
    let chosen = url(&decide_url(&hints))?;
    let same = |other: &str| url(other).is_ok_and(|other| other == chosen);
    let local = same(&hints.local_url).then_some(hints.local_token).flatten();
    let of_login = hints.login.filter(|login| same(&login.url)).map(|login| login.token);
    let own = if hints.local_first { local.or(of_login) } else { of_login.or(local) };
    match hints.token.or(own) {
        Some(token) if !is_one_word(&token) => Err(Failure::Senseless(
            "what was given as a token is none: it has spaces, line ends or other signs in it that no token has"
                .to_owned(),
        )),
        Some(token) => Ok(Place { url: chosen, token }),
        None => Err(Failure::NoToken {
            tried: same(&hints.local_url).then_some(hints.local_trouble).flatten(),
            url: shown(&chosen),
        }),
    }
}

/// Whether it can be sent: anything else would break the header, or be two tokens.
fn is_one_word(token: &SecretString) -> bool {
    token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic())
}

/// A URL as people write it.
pub(super) fn shown(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Option<SecretString> {
        Some(SecretString::from(text.to_owned()))
    }

    fn everything() -> Hints {
        Hints {
            url: None,
            token: None,
            login: Some(Login {
                url: "https://l.example.com".to_owned(),
                token: SecretString::from("of-login".to_owned()),
            }),
            local_first: false,
            local_url: DEFAULT_URL.to_owned(),
            local_token: secret("of-machine"),
            local_trouble: None,
        }
    }

    fn decided(hints: Hints) -> (String, String) {
        let place = decide(hints).unwrap();
        (shown(&place.url), place.token.expose_secret().to_owned())
    }

    fn pair(url: &str, token: &str) -> (String, String) {
        (url.to_owned(), token.to_owned())
    }

    #[test]
    fn a_login_comes_before_this_machine_and_what_is_said_before_both() {
        assert_eq!(decided(everything()), pair("https://l.example.com", "of-login"));
        let said = Hints { local_first: true, ..everything() };
        assert_eq!(decided(said), pair(DEFAULT_URL, "of-machine"));
        let said = Hints { login: None, ..everything() };
        assert_eq!(decided(said), pair(DEFAULT_URL, "of-machine"));
        let said =
            Hints { url: Some("http://other:1".to_owned()), token: secret("said"), ..everything() };
        assert_eq!(decided(said), pair("http://other:1", "said"));
        let said = Hints { token: secret("said"), ..everything() };
        assert_eq!(decided(said), pair("https://l.example.com", "said"));
    }

    #[test]
    fn what_cannot_be_one_token_is_refused_before_it_is_sent() {
        for bad in ["two words", "two\nlines", "rl_\u{e9}"] {
            let said = Hints { token: secret(bad), ..everything() };
            let refused = decide(said).unwrap_err().to_string();
            assert!(refused.contains("is none") && !refused.contains(bad), "{refused}");
        }
    }

    #[test]
    fn a_kept_token_goes_to_no_other_server() {
        let said = |url: &str| Hints { url: Some(url.to_owned()), ..everything() };
        assert!(matches!(decide(said("http://other")), Err(Failure::NoToken { .. })));
        assert_eq!(decided(said("http://127.0.0.1:7070/")), pair(DEFAULT_URL, "of-machine"));
        assert_eq!(
            decided(said("https://l.example.com/")),
            pair("https://l.example.com", "of-login")
        );
    }

    #[test]
    fn what_is_no_url_of_a_server_is_refused() {
        for bad in ["", "127.0.0.1:7070", "localhost:7070", "ftp://a", "http://"] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert_eq!(url("http://a/launcher").unwrap().as_str(), "http://a/launcher/");
        for api in ["http://a/api", "http://a/api/", "http://a/api/v1", "http://a/api/v1/"] {
            assert_eq!(url(api).unwrap().as_str(), "http://a/", "{api}");
        }
        assert_eq!(url("http://a/launcher/api").unwrap().as_str(), "http://a/launcher/");
        assert_eq!(url("http://a/myapi").unwrap().as_str(), "http://a/myapi/");
    }
}
