//! A picture as PNG, for those who cannot show SVG: chats and mail.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use super::{Graph, Style, Theme, svg};

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum NoPicture {
    /// What was drawn is not understood.
    #[error("cannot draw a graph: {0}")]
    Drawn(#[from] resvg::usvg::Error),
    /// It has no size.
    #[error("cannot draw a graph of no size")]
    Size,
    /// It cannot be written as PNG.
    #[error("cannot write a graph as PNG: {0}")]
    Written(String),
}

/// Draws it, with the letters of a font (TrueType), twice as many pixels as it says each way, as screens are
/// fine, unless it is very large. A picture has one theme; when none is asked for, the light one.
///
/// # Errors
/// When it cannot be drawn.
pub fn png(graph: &Graph, style: &Style, font: &'static [u8]) -> Result<Vec<u8>, NoPicture> {
    let theme = if style.theme == Theme::Dark { Theme::Dark } else { Theme::Light };
    let text = svg(graph, &Style { theme, ..style.clone() });
    let text = with_colours(&text);
    let options =
        Options { fontdb: fonts(font), font_family: FAMILY.to_owned(), ..Options::default() };
    let tree = Tree::from_str(&text, &options)?;
    let scale = if style.width * style.height > MOST_DOUBLED { 1 } else { 2 };
    let size = (style.width * scale, style.height * scale);
    let mut pixels = Pixmap::new(size.0, size.1).ok_or(NoPicture::Size)?;
    #[expect(clippy::cast_precision_loss, reason = "it is 1 or 2")]
    let transform = Transform::from_scale(scale as f32, scale as f32);
    resvg::render(&tree, transform, &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| NoPicture::Written(error.to_string()))
}

/// Larger pictures, in pixels, are not doubled: their pixels cost time.
const MOST_DOUBLED: u32 = 1_000_000;

const FAMILY: &str = "DejaVu Sans";

/// The one font, read once.
fn fonts(font: &'static [u8]) -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let read = || {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(font.to_vec());
        Arc::new(fonts)
    };
    Arc::clone(FONTS.get_or_init(read))
}

/// Puts each colour in the place of its name: variables are for browsers.
fn with_colours(text: &str) -> String {
    let Some((_, rest)) = text.split_once("svg{") else { return text.to_owned() };
    let Some((colours, _)) = rest.split_once('}') else { return text.to_owned() };
    let pairs = colours.split(';').filter_map(|pair| pair.split_once(':'));
    pairs
        .fold(text.to_owned(), |text, (name, colour)| text.replace(&format!("var({name})"), colour))
}
