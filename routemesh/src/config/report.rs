//! What is wrong with a configuration, shown where it is written.

use std::{fmt, ops::Range, sync::Arc};

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

/// Problems that a report shows in full; of more, it says how many they are.
const MOST_SHOWN: usize = 50;
/// Two places this near one another, in bytes, are shown in one piece.
const NEAR: usize = 2048;

/// Where something is written: byte offsets into the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The bytes `range` of the part of the file that begins at `part`. The caller has seen to
    /// it that the file is smaller than 4 GiB.
    pub(super) fn within(part: usize, range: Range<usize>) -> Self {
        let offset = |at: usize| u32::try_from(part + at).unwrap_or(u32::MAX);
        Self {
            start: offset(range.start),
            end: offset(range.end),
        }
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A file's name and text; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Source {
    name: Arc<str>,
    text: Arc<str>,
}

impl Source {
    pub(super) fn new(name: &str, text: &str) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// One thing that is wrong: where, why, and what would be right.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    title: String,
    places: Vec<(Span, String)>,
    help: Option<String>,
}

impl Problem {
    pub(super) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            places: Vec::new(),
            help: None,
        }
    }

    /// Underlines a place and writes `label` beside it; the first place is the one to change.
    pub(super) fn at(mut self, span: impl Into<Option<Span>>, label: impl Into<String>) -> Self {
        if let Some(span) = span.into() {
            self.places.push((span, label.into()));
        }
        self
    }

    /// Says what would be right. The text may quote a file only escaped, since it is printed
    /// as it is.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Everything that is wrong with a configuration; displays as rustc would, without colour.
#[derive(Clone, Debug)]
pub struct Report {
    source: Source,
    problems: Vec<Problem>,
    count: usize,
}

impl Report {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            problems: Vec::new(),
            count: 0,
        }
    }

    pub(super) fn of(source: Source, problem: Problem) -> Self {
        let mut report = Self::new(source);
        report.push(problem);
        report
    }

    pub(super) fn push(&mut self, problem: Problem) {
        self.count += 1;
        if self.problems.len() < MOST_SHOWN {
            self.problems.push(problem);
        }
    }

    /// Adds the problems of `other`.
    pub(super) fn append(&mut self, other: Self) {
        self.count += other.count;
        self.problems.extend(other.problems);
    }

    /// The report in the order of the file, unless there is nothing to report.
    pub(super) fn into_option(mut self) -> Option<Self> {
        self.problems
            .sort_by_key(|problem| problem.places.first().map(|(span, _)| span.start));
        self.problems.truncate(MOST_SHOWN);
        (self.count > 0).then_some(self)
    }

    /// How many problems there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The report as text of several lines, the last one not ended; with `colour`, with ANSI
    /// escapes.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut parts: Vec<String> = self
            .problems
            .iter()
            .map(|problem| renderer.render(&[group(&self.source, problem)]))
            .collect();
        if self.count > self.problems.len() {
            parts.push(format!(
                "error: {} more problems",
                self.count - self.problems.len()
            ));
        }
        parts.join("\n\n")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}

fn group<'a>(source: &'a Source, problem: &'a Problem) -> Group<'a> {
    let mut group = Group::with_title(Level::ERROR.primary_title(&problem.title));
    for piece in pieces(problem) {
        group = group.element(snippet(source, piece));
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help));
    }
    group
}

/// A label, and whether it is of the place to change.
type Mark<'a> = (Span, &'a str, AnnotationKind);

/// The places of a problem, those near one another together.
fn pieces(problem: &Problem) -> Vec<Vec<Mark<'_>>> {
    let mut pieces: Vec<Vec<Mark<'_>>> = Vec::new();
    for (number, (span, label)) in problem.places.iter().enumerate() {
        let kind = if number == 0 {
            AnnotationKind::Primary
        } else {
            AnnotationKind::Context
        };
        let mark = (*span, label.as_str(), kind);
        let near = pieces.iter_mut().find(|piece| {
            piece
                .iter()
                .any(|(other, ..)| other.range().start.abs_diff(span.range().start) < NEAR)
        });
        match near {
            Some(piece) => piece.push(mark),
            None => pieces.push(vec![mark]),
        }
    }
    pieces
}

/// The lines around the marks. Only these lines are handed to the renderer, which would
/// otherwise index the whole file for each problem.
fn snippet<'a>(source: &'a Source, marks: Vec<Mark<'a>>) -> Snippet<'a, Annotation<'a>> {
    let text: &str = &source.text;
    let first = marks.iter().map(|(span, ..)| span.range().start).min();
    let last = marks.iter().map(|(span, ..)| span.range().end).max();
    let first = text.floor_char_boundary(first.unwrap_or(0));
    let last = text.ceil_char_boundary(last.unwrap_or(0));
    let from = text[..first].rfind('\n').map_or(0, |newline| newline + 1);
    let to = text[last..]
        .find('\n')
        .map_or(text.len(), |newline| last + newline);
    Snippet::source(&text[from..to])
        .path(&*source.name)
        .line_start(1 + text[..from].bytes().filter(|byte| *byte == b'\n').count())
        .annotations(marks.into_iter().map(|(span, label, kind)| {
            let range = span.range();
            let start = range.start - from;
            let end = range.end.min(to) - from;
            kind.span(start..end).label(label)
        }))
}
