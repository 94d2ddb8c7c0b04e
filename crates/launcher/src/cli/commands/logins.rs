//! `login` and `logout`.

use launcher_server::api::views::ServerView;

use crate::cli::args::client;
use crate::cli::client::Client;
use crate::cli::login::{self, Login};
use crate::cli::output::say;
use crate::cli::place::{self, Place};
use crate::cli::{Failure, input};

pub(super) async fn login(asked: &client::Login) -> Result<(), Failure> {
    let url = place::url(&asked.url)?;
    let token = input::secret("token")?;
    let known = Login { url: place::shown(&url), token: token.clone() };
    // Kept only when the server takes it.
    let server: ServerView = Client::new(Place { url, token })?.get(&["server"]).await?;
    let file = login::keep(&known)?;
    say(&format!("logged in to {} as {}; kept in {}", known.url, server.you, file.display()));
    Ok(())
}

pub(super) fn logout() -> Result<(), Failure> {
    say(if login::forget()? { "the login is forgotten" } else { "there was no login" });
    Ok(())
}
