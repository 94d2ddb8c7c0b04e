//! The page that a person sees.

/// Blue for odd versions, green for even ones: a switch between neighbours is plain to see.
pub(crate) fn colour(version: &str) -> &'static str {
    match version.bytes().rfind(u8::is_ascii_digit) {
        Some(digit) if digit % 2 == 0 => "#15803d",
        _ => "#1d4ed8",
    }
}

const AFTER_COUNT: &str = "</p>\n</main>\n</html>\n";

/// The page of one instance, up to the number of requests.
#[derive(Debug)]
pub(crate) struct Page(String);

impl Page {
    pub(crate) fn new(version: &str, hostname: &str) -> Self {
        let colour = colour(version);
        let (version, hostname) = (escape(version), escape(hostname));
        Self(format!(
            r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop, version {version}</title>
<style>
  body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; color: #fff;
         background: {colour}; font: 16px/1.5 system-ui, sans-serif; }}
  main {{ text-align: center; }}
  h1 {{ margin: 0; font-size: 20vmin; line-height: 1; letter-spacing: -.03em; }}
  p {{ margin: .5rem 0 0; opacity: .85; font-variant-numeric: tabular-nums; }}
</style>
<main>
  <p>Version</p>
  <h1>{version}</h1>
  <p>container {hostname}</p>
  <p>request "#
        ))
    }

    /// The page for the `count`-th request.
    pub(crate) fn render(&self, count: u64) -> String {
        format!("{}{count}{AFTER_COUNT}", self.0)
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_versions_differ_in_colour() {
        assert_eq!(colour("1"), colour("v13"));
        assert_eq!(colour("2"), colour("10"));
        assert_ne!(colour("1"), colour("2"));
    }

    #[test]
    fn the_page_shows_what_it_is_told_and_no_markup_of_others() {
        let page = Page::new("<7>", "a&b").render(99);
        for part in ["<h1>&lt;7&gt;</h1>", "container a&amp;b", "request 99<", colour("7")] {
            assert!(page.contains(part), "no {part} in {page}");
        }
    }
}
