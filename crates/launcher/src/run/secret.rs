//! What is secret stands in files of its own, one to a file.

use std::path::Path;

use anyhow::{Context, Result, bail};
use secrecy::SecretString;

/// Reads what a file holds, without the end of its line; `what` is it, in words.
///
/// # Errors
/// When the file cannot be read, or holds nothing.
pub(crate) fn read(what: &str, path: &Path) -> Result<SecretString> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {what} from {}", path.display()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        bail!("{} is empty; it must hold {what}", path.display());
    }
    Ok(SecretString::from(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_secret_is_a_file_without_the_end_of_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let refusal = || format!("{:#}", read("the password of it", &path).unwrap_err());
        assert!(refusal().starts_with("cannot read the password of it from"), "{}", refusal());
        std::fs::write(&path, "\n").unwrap();
        assert!(refusal().ends_with("is empty; it must hold the password of it"), "{}", refusal());
        std::fs::write(&path, " pass word \r\n").unwrap();
        assert_eq!(read("it", &path).unwrap().expose_secret(), " pass word ");
    }
}
