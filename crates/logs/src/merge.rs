//! Several logs as one, in order of time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use jiff::Timestamp;
use launcher_scheduler::LogLine;

/// Lines, or why some are missing.
pub type Lines = BoxStream<'static, std::result::Result<LogLine, String>>;

/// What a container writes to its two streams at once may be told in the other order, by so many lines.
const SWAPPED: usize = 16;

/// One of several logs. Its lines are in order of time.
pub struct Source<T> {
    /// Whose it is.
    pub whose: T,
    /// When its first line was printed, where that is known: it is not read before its turn comes.
    pub first: Option<Timestamp>,
    /// Its lines. Those without a time have that of the line before.
    pub lines: Lines,
    /// When its container ended, if it has: told behind its last line.
    pub end: Option<Timestamp>,
}

/// What is told of one of several logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A line.
    Line(LogLine),
    /// Why lines are missing.
    Broken(String),
    /// Its container ended.
    End,
}

struct Head {
    at: Timestamp,
    source: usize,
    /// What is next of it; nothing before its turn has come.
    next: Option<Told>,
}

impl Head {
    fn order(&self) -> (Timestamp, usize) {
        (self.at, self.source)
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

struct Merging<T> {
    sources: Vec<Source<T>>,
    heads: BinaryHeap<Reverse<Head>>,
    /// Sources of which no line is known yet.
    unknown: Vec<usize>,
}

/// All lines of logs that end, in order of time; of each log one line is held. Where lines of a log are missing
/// that is told between those that are there.
pub fn merge<T: Clone + Send + 'static>(
    sources: Vec<Source<T>>,
) -> impl Stream<Item = (T, Told)> + Send {
    let mut merging =
        Merging { heads: BinaryHeap::new(), unknown: Vec::new(), sources: Vec::new() };
    for (number, source) in sources.into_iter().enumerate() {
        match source.first {
            Some(at) => merging.heads.push(Reverse(Head { at, source: number, next: None })),
            None => merging.unknown.push(number),
        }
        merging.sources.push(source);
    }
    stream::unfold(merging, |mut merging| async move {
        let next = merging.next().await?;
        Some((next, merging))
    })
}

impl<T: Clone> Merging<T> {
    async fn next(&mut self) -> Option<(T, Told)> {
        loop {
            if let Some(source) = self.unknown.pop() {
                self.pull(source, None).await;
                continue;
            }
            let Reverse(Head { at, source, next }) = self.heads.pop()?;
            if !matches!(next, Some(Told::End)) {
                self.pull(source, Some(at)).await;
            }
            if let Some(told) = next {
                return Some((self.sources[source].whose.clone(), told));
            }
        }
    }

    /// Takes in what is next of a source. What has no time of its own belongs to what came before.
    async fn pull(&mut self, source: usize, before: Option<Timestamp>) {
        let (at, told) = match self.sources[source].lines.next().await {
            Some(Ok(line)) => (line.at, Told::Line(line)),
            Some(Err(trouble)) => (None, Told::Broken(trouble)),
            None => return self.end(source, before),
        };
        let at = at.or(before).unwrap_or(Timestamp::MIN);
        self.heads.push(Reverse(Head { at, source, next: Some(told) }));
    }

    /// What it said at last may have come to the engine after it had ended.
    fn end(&mut self, source: usize, last: Option<Timestamp>) {
        if let Some(end) = self.sources[source].end.take() {
            let at = last.map_or(end, |last| end.max(last));
            self.heads.push(Reverse(Head { at, source, next: Some(Told::End) }));
        }
    }
}

/// Puts lines of one container in order that were told in another, and gives each a time.
pub fn straighten(lines: Lines) -> Lines {
    struct State {
        lines: Option<Lines>,
        held: BinaryHeap<Reverse<Held>>,
        count: usize,
        at: Option<Timestamp>,
        broken: Option<String>,
    }
    #[derive(PartialEq, Eq)]
    struct Held((Option<Timestamp>, usize), LogLine);
    impl PartialOrd for Held {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Held {
        fn cmp(&self, other: &Self) -> Ordering {
            self.0.cmp(&other.0)
        }
    }
    let state =
        State { lines: Some(lines), held: BinaryHeap::new(), count: 0, at: None, broken: None };
    stream::unfold(state, |mut state| async move {
        while state.held.len() <= SWAPPED
            && state.broken.is_none()
            && let Some(lines) = &mut state.lines
        {
            match lines.next().await {
                Some(Ok(mut line)) => {
                    line.at = line.at.or(state.at);
                    state.at = line.at;
                    state.held.push(Reverse(Held((line.at, state.count), line)));
                    state.count += 1;
                }
                Some(Err(trouble)) => state.broken = Some(trouble),
                None => state.lines = None,
            }
        }
        if let Some(Reverse(Held(_, line))) = state.held.pop() {
            return Some((Ok(line), state));
        }
        // Behind all lines that came before it.
        let trouble = state.broken.take()?;
        Some((Err(trouble), state))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use launcher_scheduler::LogStream;
    use proptest::prelude::*;

    use super::*;

    fn line(at: i64, text: &str) -> std::result::Result<LogLine, String> {
        let at = Timestamp::from_second(at).ok();
        Ok(LogLine { at, stream: LogStream::Stdout, text: text.to_owned() })
    }

    fn source(
        whose: usize,
        lines: Vec<std::result::Result<LogLine, String>>,
        known: bool,
    ) -> Source<usize> {
        let first = lines.first().and_then(|line| line.as_ref().ok()?.at).filter(|_| known);
        Source { whose, first, lines: stream::iter(lines).boxed(), end: None }
    }

    async fn texts(sources: Vec<Source<usize>>) -> Vec<String> {
        let told = merge(sources).map(|(whose, told)| match told {
            Told::Line(line) => format!("{whose}{}", line.text),
            Told::Broken(trouble) => format!("{whose}!{trouble}"),
            Told::End => format!("{whose}."),
        });
        told.collect().await
    }

    #[tokio::test]
    async fn lines_of_several_logs_come_in_order_of_time() {
        let sources = vec![
            source(0, vec![line(1, "a"), line(4, "d")], false),
            source(1, vec![line(2, "b"), line(3, "c"), line(3, "C")], true),
            source(2, vec![], false),
        ];
        assert_eq!(texts(sources).await, ["0a", "1b", "1c", "1C", "0d"]);
    }

    #[tokio::test]
    async fn the_end_of_a_container_is_told_behind_its_last_line_and_when_it_was() {
        let ended = |at, source: Source<usize>| Source {
            end: Some(Timestamp::from_second(at).unwrap()),
            ..source
        };
        let broken = || Err("gone".to_owned());
        let sources = vec![
            ended(2, source(0, vec![line(1, "a"), line(4, "d")], true)),
            ended(3, source(1, vec![line(2, "b")], true)),
            source(2, vec![line(3, "c"), line(5, "e"), line(7, "f")], false),
            ended(6, source(3, vec![], false)),
            ended(8, source(4, vec![line(1, "x"), broken()], true)),
        ];
        let expected = ["0a", "4x", "4!gone", "1b", "1.", "2c", "0d", "0.", "2e", "3.", "2f", "4."];
        assert_eq!(texts(sources).await, expected);
    }

    #[tokio::test]
    async fn what_is_missing_of_a_log_is_told_in_its_place() {
        let broken = || Err("gone".to_owned());
        let sources = vec![
            source(0, vec![line(1, "a"), broken(), line(9, "d")], false),
            source(1, vec![broken()], false),
            source(2, vec![line(2, "b")], true),
            Source {
                first: Timestamp::from_second(3).ok(),
                ..source(3, vec![broken(), line(4, "c")], false)
            },
        ];
        let expected = ["1!gone", "0a", "0!gone", "2b", "3!gone", "3c", "0d"];
        assert_eq!(texts(sources).await, expected);
    }

    #[tokio::test]
    async fn what_was_told_in_another_order_is_put_right() {
        let told = vec![line(2, "b"), line(1, "a"), line(3, "c")];
        let mut untimed = line(0, "d").unwrap();
        untimed.at = None;
        let rest = [Ok(untimed), Err("gone".to_owned()), line(5, "f"), line(4, "e")];
        let lines = stream::iter(told).chain(stream::iter(rest));
        let straight: Vec<_> = straighten(lines.boxed()).collect().await;
        let texts: Vec<_> =
            straight.iter().map(|line| line.as_ref().map_or("!", |line| &line.text)).collect();
        assert_eq!(texts, ["a", "b", "c", "d", "!", "e", "f"]);
        assert_eq!(straight[3].as_ref().unwrap().at, straight[2].as_ref().unwrap().at);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_repeated(logs in prop::collection::vec(prop::collection::vec(0_i64..50, 0..40), 0..6), known in any::<bool>()) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut expected: Vec<(i64, usize)> = Vec::new();
            let sources = logs.into_iter().enumerate().map(|(number, mut times)| {
                times.sort_unstable();
                expected.extend(times.iter().map(|at| (*at, number)));
                let lines: Vec<_> = times.iter().map(|at| line(*at, "")).collect();
                source(number, lines, known)
            });
            let sources: Vec<_> = sources.collect();
            expected.sort_unstable();
            let told: Vec<(i64, usize)> = runtime.block_on(
                merge(sources).map(|(whose, told)| {
                    let Told::Line(line) = told else { panic!("{told:?}") };
                    (line.at.unwrap().as_second(), whose)
                }).collect());
            prop_assert_eq!(told, expected);
        }
    }
}
