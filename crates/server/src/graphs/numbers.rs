//! What a graph shows, as numbers: the pages draw it from them.

use launcher_telemetry::Unit;
use launcher_telemetry::graph::{Graph, Role};
use serde::Serialize;

/// A graph.
#[derive(Debug, Serialize)]
pub(super) struct Numbers {
    title: String,
    unit: Unit,
    /// The second at which the first step begins.
    from: i64,
    /// The first second after the last step.
    until: i64,
    /// In seconds.
    step: i64,
    curves: Vec<Curve>,
    marks: Vec<Mark>,
}

#[derive(Debug, Serialize)]
struct Curve {
    label: String,
    role: &'static str,
    thin: bool,
    values: Vec<Option<f64>>,
}

/// A deployment.
#[derive(Debug, Serialize)]
struct Mark {
    at: i64,
    label: String,
}

impl From<Graph> for Numbers {
    fn from(graph: Graph) -> Self {
        let curves = graph.curves.into_iter().map(|curve| Curve {
            label: curve.label,
            role: match curve.role {
                Role::Live => "live",
                Role::Beside => "beside",
                Role::Other => "other",
            },
            thin: curve.thin,
            values: curve.values,
        });
        let marks = graph.marks.into_iter().map(|mark| Mark { at: mark.at, label: mark.label });
        Self {
            title: graph.title,
            unit: graph.unit,
            from: graph.from,
            until: graph.until,
            step: graph.step,
            curves: curves.collect(),
            marks: marks.collect(),
        }
    }
}
