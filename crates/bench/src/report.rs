//! What was measured, as a table and as JSON.

use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::{Serialize, Serializer};

/// Which direction is good.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// One figure, beside that of one peer if it has one.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    name: &'static str,
    unit: &'static str,
    #[serde(serialize_with = "rounded")]
    ours: f64,
    #[serde(serialize_with = "rounded_if_any")]
    peer: Option<f64>,
    peer_name: Option<&'static str>,
    #[serde(serialize_with = "rounded_if_any")]
    ratio: Option<f64>,
    better: Better,
}

impl Figure {
    /// A figure that stands for itself.
    pub(crate) fn new(name: &'static str, unit: &'static str, better: Better, ours: f64) -> Self {
        Self { name, unit, ours, peer: None, peer_name: None, ratio: None, better }
    }

    /// With the peer's figure, and ours as a multiple of it.
    pub(crate) fn beside(mut self, peer_name: &'static str, peer: f64, ratio: f64) -> Self {
        (self.peer_name, self.peer, self.ratio) = (Some(peer_name), Some(peer), Some(ratio));
        self
    }
}

/// All figures of one run.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Figure>);

impl Report {
    pub(crate) fn add(&mut self, figures: Vec<Figure>) {
        self.0.extend(figures);
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header(["figure", "unit", "ours", "peer's", "peer", "ratio", "better"]);
        for figure in &self.0 {
            let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), number);
            table.add_row([
                figure.name.to_owned(),
                figure.unit.to_owned(),
                number(Some(figure.ours)),
                number(figure.peer),
                figure.peer_name.unwrap_or("–").to_owned(),
                figure.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.3}")),
                format!("{:?}", figure.better).to_lowercase(),
            ]);
        }
        for column in [2, 3, 5] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        println!("{table}");
    }

    /// Writes the figures as a JSON array.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut json = serde_json::to_string_pretty(&self.0)?;
        json.push('\n');
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// With as many digits as mean something.
fn number(value: f64) -> String {
    match value.abs() {
        1000.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn rounded<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((value * 1e4).round() / 1e4)
}

#[expect(clippy::ref_option, reason = "serde hands it over so")]
fn rounded_if_any<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => rounded(value, serializer),
        None => serializer.serialize_none(),
    }
}
