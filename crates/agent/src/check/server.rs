//! Whether the server is well, and its edges.

use super::{Figure, Outcome, Status};

/// What is checked, in a word.
pub const SUBJECT: &str = "SERVER";

/// What is known of a server that answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// It would take a change.
    pub ready: bool,
    /// Why the scheduler's engine does not answer.
    pub engine_trouble: Option<String>,
    /// How many edges are connected.
    pub connected: usize,
    /// Those that have joined, and are not.
    pub away: Vec<String>,
}

/// Judges one that does not answer.
#[must_use]
pub fn absent(why: &str) -> Outcome {
    Outcome {
        subject: SUBJECT,
        status: Status::Critical,
        text: why.to_owned(),
        figures: Vec::new(),
    }
}

/// Judges it.
#[must_use]
pub fn judge(server: &Server) -> Outcome {
    let Server { ready, engine_trouble, connected, away } = server;
    let mut found = Vec::new();
    if !ready {
        found.push((Status::Critical, "it takes no changes".to_owned()));
    }
    if *connected == 0 {
        found.push((Status::Critical, "no edge is connected".to_owned()));
    }
    if !away.is_empty() {
        found.push((Status::Warning, format!("not connected: {}", away.join(", "))));
    }
    if let Some(why) = engine_trouble {
        found.push((Status::Warning, format!("the engine does not answer: {why}")));
    }
    if found.is_empty() {
        found.push((Status::Ok, format!("it is ready, with {} connected", edges(*connected))));
    }
    let status = found.iter().map(|(status, _)| *status).max().unwrap_or(Status::Ok);
    let words: Vec<String> = found.into_iter().map(|(_, words)| words).collect();
    let all = connected + away.len();
    let figure = Figure::new("edges", *connected as f64, "").out_of(all as f64);
    Outcome { subject: SUBJECT, status, text: words.join(", "), figures: vec![figure] }
}

fn edges(count: usize) -> String {
    if count == 1 { "1 edge".to_owned() } else { format!("{count} edges") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_as_well_as_what_is_worst() {
        let well = Server { ready: true, engine_trouble: None, connected: 1, away: Vec::new() };
        let line = "SERVER OK: it is ready, with 1 edge connected | edges=1;;;0;1";
        assert_eq!(judge(&well).to_string(), line);
        let away = vec!["b".to_owned(), "c".to_owned()];
        let trouble = Some("gone".to_owned());
        let some = Server { away, engine_trouble: trouble, ..well };
        let line =
            "SERVER WARNING: not connected: b, c, the engine does not answer: gone | edges=1;;;0;3";
        assert_eq!(judge(&some).to_string(), line);
        let none = Server { connected: 0, ready: false, ..well };
        let line = "SERVER CRITICAL: it takes no changes, no edge is connected | edges=0;;;0;0";
        assert_eq!(judge(&none).to_string(), line);
        assert_eq!(absent("nobody is there").to_string(), "SERVER CRITICAL: nobody is there");
    }
}
