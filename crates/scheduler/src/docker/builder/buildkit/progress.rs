//! The lines that a person knows from `docker build --progress=plain`.

use std::collections::{HashMap, HashSet};

use super::super::report::Report;
use super::super::text::Text;
use super::trace::{Status, Time, Vertex, VertexLog, VertexStatus};
use crate::Error;

/// The steps so far.
#[derive(Default)]
pub(super) struct Progress {
    steps: HashMap<String, Step>,
    shown: usize,
    /// The first step that failed by itself: the others end with it.
    failed: Option<String>,
}

#[derive(Default)]
struct Step {
    /// Counted from 1 in the order in which steps begin; 0 before.
    number: usize,
    name: String,
    started: Option<Time>,
    over: bool,
    error: String,
    text: Text,
    parts: HashSet<String>,
    report: Report,
}

impl Progress {
    /// The lines that a change makes.
    pub(super) fn take(&mut self, status: &Status) -> Vec<String> {
        let mut lines = Vec::new();
        // Steps begin before they print, and print before they end.
        for vertex in &status.vertexes {
            self.begin(vertex, &mut lines);
        }
        for part in &status.statuses {
            self.part(part, &mut lines);
        }
        for log in &status.logs {
            self.log(log, &mut lines);
        }
        for vertex in &status.vertexes {
            self.end(vertex, &mut lines);
        }
        lines
    }

    fn begin(&mut self, vertex: &Vertex, lines: &mut Vec<String>) {
        let step = self.steps.entry(vertex.digest.clone()).or_default();
        if step.number > 0 || (vertex.started.is_none() && !vertex.cached) {
            return;
        }
        self.shown += 1;
        step.number = self.shown;
        step.name.clone_from(&vertex.name);
        step.started = vertex.started;
        step.report.begin(vertex.name.clone());
        lines.push(format!("#{} {}", step.number, step.name));
    }

    fn part(&mut self, part: &VertexStatus, lines: &mut Vec<String>) {
        let Some(step) = self.steps.get_mut(&part.vertex) else { return };
        if part.completed.is_some() && step.number > 0 && step.parts.insert(part.id.clone()) {
            lines.push(format!("#{} {} done", step.number, part.id));
        }
    }

    fn log(&mut self, log: &VertexLog, lines: &mut Vec<String>) {
        let Some(step) = self.steps.get_mut(&log.vertex) else { return };
        for line in step.text.add(&log.text) {
            lines.push(step.print(&line, log.at));
        }
    }

    fn end(&mut self, vertex: &Vertex, lines: &mut Vec<String>) {
        let Some(step) = self.steps.get_mut(&vertex.digest) else { return };
        if step.over || step.number == 0 || vertex.completed.is_none() {
            return;
        }
        step.over = true;
        if let Some(rest) = step.text.rest() {
            lines.push(step.print(&rest, vertex.completed));
        }
        let took = vertex.completed.zip(step.started).map_or(0.0, |(end, start)| end.since(start));
        let number = step.number;
        if !vertex.error.is_empty() {
            step.error.clone_from(&vertex.error);
            lines.push(format!("#{number} ERROR: {}", plain(&vertex.error)));
            if self.failed.is_none() && !vertex.error.contains("context canceled") {
                self.failed = Some(vertex.digest.clone());
            }
        } else if vertex.cached {
            lines.push(format!("#{number} CACHED"));
        } else {
            lines.push(format!("#{number} DONE {took:.1}s"));
        }
    }

    /// What the failure of the build is to a caller.
    pub(super) fn fail(mut self, why: &str) -> Error {
        match self.failed.and_then(|digest| self.steps.remove(&digest)) {
            Some(step) => step.report.fail(plain(&step.error)),
            None => Report::default().fail(plain(why)),
        }
    }
}

impl Step {
    fn print(&mut self, line: &str, at: Option<Time>) -> String {
        let after = at.zip(self.started).map_or(0.0, |(at, start)| at.since(start));
        self.report.line(line);
        format!("#{} {after:.3} {line}", self.number)
    }
}

/// What went wrong, without the names of the layers that passed it on.
fn plain(error: &str) -> &str {
    let mut error = error;
    for layer in
        ["failed to solve with frontend dockerfile.v0: ", "failed to solve: ", "rpc error: "]
    {
        error = error.strip_prefix(layer).unwrap_or(error);
    }
    error = error.strip_prefix("code = Unknown desc = ").unwrap_or(error);
    // The command is the step's name already.
    match error.split_once("]: ") {
        Some((first, why)) if first.starts_with("executor failed running [") => why,
        _ => match error.rsplit_once(" did not complete successfully: ") {
            Some((first, why)) if first.starts_with("process ") => why,
            _ => error,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::trace;
    use super::*;

    fn vertex(name: &str, started: bool, completed: bool) -> Vertex {
        let time = |nanos| trace::Time { seconds: 100, nanos };
        Vertex {
            digest: format!("digest of {name}"),
            name: name.to_owned(),
            started: started.then(|| time(0)),
            completed: completed.then(|| time(500_000_000)),
            ..Vertex::default()
        }
    }

    fn log(name: &str, text: &str) -> Status {
        let log = VertexLog {
            vertex: format!("digest of {name}"),
            at: Some(trace::Time { seconds: 101, nanos: 250_000_000 }),
            text: text.as_bytes().to_vec(),
        };
        Status { logs: vec![log], ..Status::default() }
    }

    fn of(vertexes: Vec<Vertex>) -> Status {
        Status { vertexes, ..Status::default() }
    }

    #[test]
    fn steps_are_told_as_people_know_them() {
        let mut progress = Progress::default();
        assert!(progress.take(&of(vec![vertex("[1/2] COPY", false, false)])).is_empty());
        let begun = of(vec![vertex("[2/2] RUN", true, false), vertex("[1/2] COPY", true, false)]);
        assert_eq!(progress.take(&begun), ["#1 [2/2] RUN", "#2 [1/2] COPY"]);
        assert!(progress.take(&log("[2/2] RUN", "half a ")).is_empty());
        assert_eq!(progress.take(&log("[2/2] RUN", "line\nrest")), ["#1 1.250 half a line"]);
        let ended = of(vec![vertex("[2/2] RUN", true, true)]);
        assert_eq!(progress.take(&ended), ["#1 0.500 rest", "#1 DONE 0.5s"]);
        assert!(progress.take(&ended).is_empty(), "it is told once");
        let cached = Vertex { cached: true, ..vertex("[1/2] COPY", true, true) };
        assert_eq!(progress.take(&of(vec![cached])), ["#2 CACHED"]);
        let part = VertexStatus {
            id: "exporting layers".into(),
            vertex: "digest of [2/2] RUN".into(),
            completed: Some(trace::Time::default()),
        };
        let part = Status { statuses: vec![part], ..Status::default() };
        assert_eq!(progress.take(&part), ["#1 exporting layers done"]);
    }

    #[test]
    fn the_step_that_failed_by_itself_is_the_one_that_is_told() {
        let mut progress = Progress::default();
        let (one, two) = (vertex("[a 1/1] RUN x", true, true), vertex("[b 1/1] RUN y", true, true));
        let begun = of(vec![
            Vertex { completed: None, ..one.clone() },
            Vertex { completed: None, ..two.clone() },
        ]);
        let _ = progress.take(&begun);
        let _ = progress.take(&log("[b 1/1] RUN y", "out of luck\n"));
        let error = "executor failed running [/bin/sh -c y]: exit code: 7".to_owned();
        let _ = progress.take(&of(vec![Vertex { error: "context canceled".into(), ..one }]));
        let lines = progress.take(&of(vec![Vertex { error, ..two }]));
        assert_eq!(lines, ["#2 ERROR: exit code: 7"]);
        let told = progress.fail("failed to solve: rpc error: code = Unknown desc = whatever");
        assert_eq!(told.to_string(), "[b 1/1] RUN y: exit code: 7; its last words: out of luck");
    }

    #[test]
    fn what_no_step_is_to_blame_for_is_told_in_plain_words() {
        for (error, words) in [
            ("failed to solve with frontend dockerfile.v0: no such stage", "no such stage"),
            ("failed to solve: rpc error: code = Unknown desc = it is full", "it is full"),
            (
                "process \"/bin/sh -c false\" did not complete successfully: exit code: 1",
                "exit code: 1",
            ),
        ] {
            assert_eq!(plain(error), words);
        }
    }
}
