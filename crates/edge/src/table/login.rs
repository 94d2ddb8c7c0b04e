//! Who may look at previews, as the control plane tells edges and as nginx reads it too.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha_crypt::{Algorithm, Params, PasswordHasher, PasswordVerifier, ShaCrypt};

/// The hash costs as many rounds as crypt(3) does at least. More would not make a guess at the edge
/// dearer by much, and nginx has a worker compute it for every request.
const ROUNDS: u32 = 1000;

/// A salt of as many characters as crypt(3) takes, 16, before they are written as such.
pub const SALT_BYTES: usize = 12;

/// The longest password, in bytes: the hash takes time by the square of it.
pub const LONGEST_PASSWORD: usize = 128;

/// Somebody who may look at previews.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The password's hash as crypt(3) has it, `$5$…`: nginx's `auth_basic_user_file` takes it too.
    pub hash: String,
}

impl Login {
    /// The login of a user with this password, of at most [`LONGEST_PASSWORD`] bytes; `None` when it is
    /// longer. The same salt makes the same hash.
    #[must_use]
    pub fn new(user: &str, password: &SecretString, salt: [u8; SALT_BYTES]) -> Option<Self> {
        let params = Params::new(ROUNDS).ok()?;
        let password = within(password)?;
        let crypt = ShaCrypt::new(Algorithm::Sha256Crypt, params);
        let hash = crypt.hash_password_with_salt(password, &salt).ok()?;
        Some(Self { user: user.to_owned(), hash: hash.as_str().to_owned() })
    }

    /// Whether this is the password. Takes a fraction of a millisecond.
    pub(crate) fn is(&self, password: &SecretString) -> bool {
        let Some(password) = within(password) else { return false };
        ShaCrypt::SHA256.verify_password(password, self.hash.as_str()).is_ok()
    }
}

fn within(password: &SecretString) -> Option<&[u8]> {
    Some(password.expose_secret().as_bytes()).filter(|bytes| bytes.len() <= LONGEST_PASSWORD)
}

/// Without the hash, on which passwords could be tried.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_what_crypt_says_and_tells_nothing() {
        let login = Login::new("ada", &"lace".to_owned().into(), [7; SALT_BYTES]).unwrap();
        // As `perl -e 'print crypt("lace", "\$5\$rounds=1000\$5Qk/5Qk/5Qk/5Qk/")'` says.
        let hash = "$5$rounds=1000$5Qk/5Qk/5Qk/5Qk/$/jLhr6GNWSceijljAHFqhXMAbnxcLQew4VuIFbvYg86";
        assert_eq!(login.hash, hash);
        assert!(login.is(&"lace".to_owned().into()));
        assert!(!login.is(&"Lace".to_owned().into()));
        assert_eq!(format!("{login:?}"), "Login { user: \"ada\", .. }");
        let long: SecretString = "x".repeat(LONGEST_PASSWORD + 1).into();
        assert!(Login::new("ada", &long, [7; SALT_BYTES]).is_none() && !login.is(&long));
    }
}
