//! A picture as SVG.

use std::fmt::Write;

use jiff::Timestamp;

use super::scale::{Scale, times};
use super::words::in_words;
use super::{Curve, Graph, Mark, Role, Style, Theme};
use crate::measure::Unit;

const LEFT: f64 = 58.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 22.0;

/// Pixels that a time needs under the picture.
const TIME: i64 = 90;

/// Draws it. What is drawn is text and lines: it loads nothing, and runs nothing.
#[must_use]
pub fn svg(graph: &Graph, style: &Style) -> String {
    let mut drawing = Drawing::new(graph, style);
    drawing.head();
    drawing.grid();
    drawing.marks();
    for curve in &graph.curves {
        drawing.curve(curve);
    }
    drawing.legend();
    drawing.out.push_str("</svg>\n");
    drawing.out
}

/// A picture that says in words why there is none.
#[must_use]
pub fn told(title: &str, why: &str, style: &Style) -> String {
    let (title, unit, curves, marks) = (title.to_owned(), Unit::Count, Vec::new(), Vec::new());
    let graph = Graph { title, unit, from: 0, until: 1, step: 1, curves, marks };
    let mut drawing = Drawing::new(&graph, style);
    drawing.head();
    drawing.legend();
    let line = usize::try_from(style.width / 7).unwrap_or(usize::MAX).max(20);
    let mut lines: Vec<String> = vec![String::new()];
    for word in why.split_whitespace() {
        let last = lines.last().map_or(0, |last| last.chars().count());
        if last > 0 && last + word.chars().count() >= line {
            lines.push(String::new());
        }
        if let Some(last) = lines.last_mut() {
            last.push_str(word);
            last.push(' ');
        }
    }
    let mut y = 44;
    for words in lines.iter().take(6) {
        let words = escaped(words.trim_end());
        drawing.write(format_args!("<text x=\"12\" y=\"{y}\">{words}</text>\n"));
        y += 16;
    }
    drawing.out.push_str("</svg>\n");
    drawing.out
}

struct Drawing<'g> {
    graph: &'g Graph,
    style: &'g Style,
    scale: Scale,
    /// The size of where the curves are.
    wide: f64,
    high: f64,
    out: String,
}

impl<'g> Drawing<'g> {
    fn new(graph: &'g Graph, style: &'g Style) -> Self {
        let values = graph.curves.iter().flat_map(|curve| &curve.values).flatten();
        let highest = values.copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let wide = (f64::from(style.width) - LEFT - RIGHT).max(10.0);
        let high = (f64::from(style.height) - TOP - BOTTOM).max(10.0);
        let scale = Scale::of(highest, graph.unit);
        Self { graph, style, scale, wide, high, out: String::with_capacity(8 << 10) }
    }

    #[expect(clippy::cast_precision_loss, reason = "a span of time is small")]
    fn x(&self, at: i64) -> f64 {
        let span = (self.graph.until - self.graph.from).max(1) as f64;
        LEFT + self.wide * (at - self.graph.from) as f64 / span
    }

    fn y(&self, value: f64) -> f64 {
        TOP + self.high * (1.0 - (value / self.scale.top).clamp(0.0, 1.0))
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to memory does not fail.
        let _ = self.out.write_fmt(text);
    }

    fn head(&mut self) {
        let Style { width, height, theme, .. } = self.style;
        let title = escaped(&self.graph.title);
        self.write(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n\
             <style>text{{font:11px \"Liberation Sans\",\"DejaVu Sans\",system-ui,sans-serif;fill:var(--soft)}}"
        ));
        self.out.push_str(
            ".b{font-weight:600;fill:var(--ink)}.paper{fill:var(--card)}.grid{stroke:var(--line)}",
        );
        self.out.push_str(".curve{fill:none;stroke-width:1.75;stroke-linejoin:round}.thin{stroke-width:1;opacity:.7}");
        self.out.push_str(
            ".live{stroke:var(--live)}.beside{stroke:var(--ready)}.other{stroke:var(--faint)}",
        );
        self.out.push_str(".dot.live{fill:var(--live)}.dot.beside{fill:var(--ready)}.dot.other{fill:var(--faint)}");
        self.out.push_str(
            ".mark{stroke:var(--moving);stroke-dasharray:3 3}.marked{fill:var(--moving)}",
        );
        self.out.push_str(&match theme {
            Theme::Light => colours(LIGHT),
            Theme::Dark => colours(DARK),
            Theme::Auto => {
                format!("{}@media(prefers-color-scheme:dark){{{}}}", colours(LIGHT), colours(DARK))
            }
        });
        self.write(format_args!(
            "</style>\n<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n"
        ));
    }

    fn grid(&mut self) {
        let (left, right) = (LEFT, LEFT + self.wide);
        for tick in self.scale.ticks.clone() {
            let (y, words) = (self.y(tick), in_words(tick, self.graph.unit));
            self.write(format_args!(
                "<path class=\"grid\" d=\"M{left} {y:.1}H{right:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{words}</text>\n",
                left - 6.0,
                y + 3.5
            ));
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is a number of pixels")]
        let most = self.wide as i64 / TIME;
        let (step, all) = times(self.graph.from, self.graph.until, most);
        let format = match step {
            ..60 => "%H:%M:%S",
            60..86_400 if self.graph.until - self.graph.from > 86_400 => "%a %H:%M",
            60..86_400 => "%H:%M",
            _ => "%-d %b",
        };
        for at in all {
            let Ok(time) = Timestamp::from_second(at) else { continue };
            let words = self.style.zone.to_datetime(time).strftime(format).to_string();
            let (x, y) = (self.x(at), TOP + self.high + 15.0);
            // One that would be cut off is left out.
            if x + 24.0 <= f64::from(self.style.width) {
                self.write(format_args!(
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{words}</text>\n"
                ));
            }
        }
    }

    /// What happened. Where there is no room for the words of all, the newest have them.
    fn marks(&mut self) {
        let graph = self.graph;
        let mut free_until = f64::INFINITY;
        let mut marks: Vec<&Mark> = graph.marks.iter().rev().collect();
        marks.retain(|mark| (graph.from..=graph.until).contains(&mark.at));
        marks.sort_by_key(|mark| std::cmp::Reverse(mark.at));
        for mark in marks {
            let (x, bottom) = (self.x(mark.at), TOP + self.high);
            self.write(format_args!("<path class=\"mark\" d=\"M{x:.1} {TOP}V{bottom:.1}\"/>"));
            let long = width(&mark.label) + 6.0;
            let (anchor, beside, begin) = if x > LEFT + self.wide * 0.85 {
                ("end", x - 3.0, x - long)
            } else {
                ("start", x + 3.0, x)
            };
            if begin + long <= free_until {
                free_until = begin;
                let (y, label) = (TOP + 9.0, escaped(&mark.label));
                self.write(format_args!(
                    "<text class=\"marked\" x=\"{beside:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{label}</text>"
                ));
            }
            self.out.push('\n');
        }
    }

    fn curve(&mut self, curve: &Curve) {
        let mut path = String::new();
        let mut drawn = false;
        let half = self.graph.step / 2;
        for (at, value) in (0..).zip(&curve.values) {
            let Some(value) = value.filter(|value| value.is_finite()) else {
                drawn = false;
                continue;
            };
            let x = self.x(self.graph.from + at * self.graph.step + half);
            let _ = write!(path, "{}{x:.1} {:.1}", if drawn { 'L' } else { 'M' }, self.y(value));
            if !drawn {
                // One number between two gaps is a dot.
                path.push_str("h.1");
            }
            drawn = true;
        }
        if !path.is_empty() {
            let thin = if curve.thin { " thin" } else { "" };
            self.write(format_args!(
                "<path class=\"curve {}{thin}\" d=\"{path}\"/>\n",
                class(curve.role)
            ));
        }
    }

    /// The title, and each curve's newest number.
    fn legend(&mut self) {
        let title = escaped(&self.graph.title);
        let mut x = LEFT;
        self.write(format_args!("<text class=\"b\" x=\"{x}\" y=\"18\">{title}</text>\n"));
        x += width(&self.graph.title) * BOLD + 20.0;
        // What is thin accompanies the others, and is left out first.
        let (thin, thick): (Vec<_>, Vec<_>) =
            self.graph.curves.iter().rev().partition(|curve| curve.thin);
        for curve in thick.into_iter().chain(thin) {
            let newest = curve.values.iter().rev().flatten().next();
            let newest = newest.map_or("–".to_owned(), |value| in_words(*value, self.graph.unit));
            let words = format!("{} {newest}", curve.label);
            if x + 7.0 + width(&words) > f64::from(self.style.width) {
                break;
            }
            let class = class(curve.role);
            self.write(format_args!(
                "<circle class=\"dot {class}\" cx=\"{x:.1}\" cy=\"14\" r=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"18\">{}</text>\n",
                if curve.thin { "2" } else { "3.5" },
                x + 7.0,
                escaped(&words)
            ));
            x += width(&words) + 24.0;
        }
    }
}

fn class(role: Role) -> &'static str {
    match role {
        Role::Live => "live",
        Role::Beside => "beside",
        Role::Other => "other",
    }
}

/// So much wider are bold letters.
const BOLD: f64 = 1.12;

/// About how wide a text is, in pixels: nothing here knows the font.
fn width(text: &str) -> f64 {
    6.2 * f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX))
}

/// The colours of the pages, in the order of [`NAMES`].
const LIGHT: [&str; 8] =
    ["#fff", "#1c1b19", "#6b6963", "#98958d", "#e3e2dc", "#14805a", "#2559c4", "#96590a"];
const DARK: [&str; 8] =
    ["#1a1d1f", "#ecebe7", "#a09e97", "#77756f", "#2d3134", "#41c795", "#7aa7f7", "#e0a84a"];
const NAMES: [&str; 8] = ["card", "ink", "soft", "faint", "line", "live", "ready", "moving"];

fn colours(of: [&str; 8]) -> String {
    let all = NAMES.into_iter().zip(of).map(|(name, colour)| format!("--{name}:{colour};"));
    format!("svg{{{}}}", all.collect::<String>())
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no such characters.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn graph() -> Graph {
        let values = |of: &[f64]| of.iter().map(|v| Some(*v).filter(|v| *v >= 0.0)).collect();
        Graph {
            title: "Requests <& \"more\"\u{1}".to_owned(),
            unit: Unit::PerSecond,
            from: 1_800_000_000,
            until: 1_800_000_300,
            step: 60,
            curves: vec![
                Curve {
                    label: "v41".to_owned(),
                    role: Role::Live,
                    thin: false,
                    values: values(&[120.0, 118.0, 60.0, 0.0, 0.0]),
                },
                Curve {
                    label: "v42".to_owned(),
                    role: Role::Beside,
                    thin: true,
                    values: values(&[-1.0, 1.0, -1.0, 119.0, 121.0]),
                },
            ],
            marks: vec![Mark { at: 1_800_000_150, label: "v42".to_owned() }],
        }
    }

    fn style(theme: Theme) -> Style {
        Style { width: 480, height: 160, theme, zone: TimeZone::UTC }
    }

    #[test]
    fn a_picture_has_curves_marks_times_and_the_newest_numbers() {
        insta::assert_snapshot!(svg(&graph(), &style(Theme::Light)));
    }

    #[test]
    fn words_of_what_happened_do_not_stand_on_each_other() {
        let labels = |ats: &[i64]| {
            let marks =
                ats.iter().map(|at| Mark { at: 1_800_000_000 + at, label: format!("v{at}") });
            let picture = svg(&Graph { marks: marks.collect(), ..graph() }, &style(Theme::Light));
            assert_eq!(picture.matches("class=\"mark\"").count(), ats.len());
            let labels = ats.iter().filter(|at| picture.contains(&format!(">v{at}</text>")));
            labels.copied().collect::<Vec<i64>>()
        };
        assert_eq!(labels(&[100, 103, 106, 200]), [106, 200]);
        // At the right edge words stand before their line.
        assert_eq!(labels(&[250, 278, 299]), [250, 299]);
        assert_eq!(labels(&[200, 298]), [200, 298]);
    }

    #[test]
    fn the_colours_follow_who_looks_unless_they_are_asked_for() {
        let auto = svg(&graph(), &style(Theme::Auto));
        assert!(auto.contains("prefers-color-scheme:dark"));
        let dark = svg(&graph(), &style(Theme::Dark));
        assert!(!dark.contains("prefers-color-scheme") && dark.contains("--card:#1a1d1f"));
    }

    #[test]
    fn why_there_is_none_is_told_in_lines_that_fit() {
        let why =
            "Graphite at http://graphite.example.com/ cannot be asked: <it> is away ".repeat(3);
        let picture = told("Requests", &why, &style(Theme::Auto));
        assert!(picture.contains("&lt;it&gt; is away") && picture.matches("<text").count() > 3);
    }

    #[test]
    fn nothing_measured_is_an_empty_picture() {
        let empty =
            Graph { curves: Vec::new(), marks: Vec::new(), until: 1_800_000_000, ..graph() };
        assert!(!svg(&empty, &style(Theme::Auto)).contains("curve other"));
        assert!(!svg(&empty, &style(Theme::Auto)).contains("NaN"));
    }
}
