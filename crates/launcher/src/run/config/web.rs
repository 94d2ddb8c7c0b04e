//! Addresses of others that are asked over HTTP.

use anyhow::{Result, bail};
use reqwest::Url;

/// Reads the address of something that speaks HTTP; `key` is where it stands, `example` one that makes sense.
///
/// # Errors
/// When it is no such address, or has parts that would be left out.
pub(super) fn web_address(key: &str, text: &str, example: &str) -> Result<Url> {
    let parsed = Url::parse(text);
    let why = match &parsed {
        _ if text.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            "there is a blank or a control character in it".to_owned()
        }
        Err(error) => error.to_string(),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            "it must begin with https:// or http://".to_owned()
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            // What is secret is not repeated.
            bail!(
                "{key} has a user or password in it, which logs would show; write the address alone, such as {example:?}"
            );
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            "nothing may stand behind a question mark or a number sign".to_owned()
        }
        Ok(url) => return Ok(url.clone()),
    };
    bail!("{key} is {text:?}: {why}; write for example {example:?}")
}

/// Whether an address is reached by TLS.
pub(super) fn is_secure(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_https_are_secure() {
        for url in ["https://launcher.example.com", "HTTPS://launcher.example.com:8443/x"] {
            assert!(is_secure(url), "{url}");
        }
        for url in ["http://launcher.example.com", "http://https", "https", ""] {
            assert!(!is_secure(url), "{url}");
        }
    }
}
