//! What the API answers, laid out for people. Nothing here prints: text comes out, line ends included.

pub(super) mod branches;
pub(super) mod builds;
pub(super) mod certificates;
pub(super) mod changes;
pub(super) mod checkup;
pub(super) mod credentials;
pub(super) mod deployments;
pub(super) mod infrastructure;
pub(super) mod lines;
pub(super) mod maintenance;
pub(super) mod metrics;
pub(super) mod notifications;
pub(super) mod outlook;
pub(super) mod people;
pub(super) mod services;
mod words;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table};
use launcher_model::environment::EnvironmentState;
use launcher_server::api::views::EnvironmentSummary;

use super::output::Look;

pub(super) use words::millis;

/// A table without borders: columns stand two blanks apart.
struct Columns {
    table: Table,
}

impl Columns {
    fn new(look: &Look, header: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.force_no_tty();
        if look.colour {
            table.enforce_styling();
        }
        if let Some(width) = look.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self { table }
    }

    fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.table.add_row(cells.into_iter().collect::<Vec<_>>());
    }

    fn text(&self) -> String {
        let mut text = self.table.trim_fmt();
        text.push('\n');
        text
    }
}

fn plain(text: impl ToString) -> Cell {
    Cell::new(text)
}

/// What is there, or a dash.
fn or_dash(text: Option<impl ToString>) -> Cell {
    text.map_or_else(|| Cell::new("-"), Cell::new)
}

fn state(environment: &EnvironmentSummary) -> Cell {
    let word = words::state(environment);
    let cell = Cell::new(word);
    if word != environment.state.as_str() {
        return cell.fg(Color::Yellow);
    }
    match environment.state {
        EnvironmentState::Ready => cell.fg(Color::Green),
        EnvironmentState::Creating => cell.fg(Color::Yellow),
        EnvironmentState::Failed => cell.fg(Color::Red),
        EnvironmentState::Stopped | EnvironmentState::Destroyed => cell.fg(Color::DarkGrey),
    }
}

/// So much of a branch's name is shown in a table, in characters.
const BRANCH: usize = 40;

/// A branch's name for a table: the beginning of a long one.
fn branch(name: &str) -> String {
    if name.chars().count() <= BRANCH {
        return name.to_owned();
    }
    let shown: String = name.chars().take(BRANCH - 1).collect();
    format!("{shown}…")
}

/// Colours a cell that tells of something that should not be.
fn alarming(cell: Cell, bad: bool) -> Cell {
    if bad { cell.fg(Color::Red) } else { cell }
}

#[cfg(test)]
mod testing {
    use serde::de::DeserializeOwned;

    use super::Look;

    /// What every rendering in the tests is looked at with: 80 columns, no colours, and a fixed time.
    pub(super) fn look() -> Look {
        Look { colour: false, width: Some(80), now: "2026-11-24T12:00:00Z".parse().unwrap() }
    }

    pub(super) fn read<T: DeserializeOwned>(json: &str) -> T {
        serde_json::from_str(json).unwrap()
    }
}
