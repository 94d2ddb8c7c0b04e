//! What `sample-image` can be told.

use clap::Args;

use super::image::Recipe;

/// `launcher sample-image`: builds an image of this program that runs as the sample application.
#[derive(Debug, Clone, Args)]
pub(crate) struct SampleImageArgs {
    /// What the image is called, such as shop:1
    #[arg(long)]
    tag: String,
    /// The version that it says it is
    #[arg(long)]
    version: String,
    /// A further environment variable; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,
    /// A label of the image; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    label: Vec<(String, String)>,
}

impl From<SampleImageArgs> for Recipe {
    fn from(args: SampleImageArgs) -> Self {
        let SampleImageArgs { tag, version, env, label } = args;
        Self { tag, version, env, labels: label }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
