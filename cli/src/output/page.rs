//! An answer before it is drawn: commands say what they show, not how.

use serde_json::Value;

use crate::exit::Exit;

/// What a command answers.
#[derive(Debug)]
pub struct Answer {
    /// For programs: an object; `schema_version` is added.
    pub data: Value,
    /// For people.
    pub page: Page,
    /// Said on standard error, after the answer.
    pub notes: Vec<String>,
    /// How the program exits.
    pub exit: Exit,
}

/// For people: blocks from top to bottom.
#[derive(Debug, Default)]
pub struct Page {
    pub(super) blocks: Vec<Block>,
}

#[derive(Debug)]
pub(super) enum Block {
    Title(String),
    Line(String),
    Fields(Vec<(String, String)>),
    Table {
        headers: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    /// Printed exactly, even control characters: documents of one's own making.
    Verbatim(String),
}

impl Answer {
    /// An answer for programs and people.
    pub fn new(data: Value, page: Page) -> Self {
        Self {
            data,
            page,
            notes: Vec::new(),
            exit: Exit::Done,
        }
    }

    /// One sentence.
    pub fn sentence(data: Value, sentence: impl Into<String>) -> Self {
        Self::new(data, Page::default().line(sentence))
    }

    /// Nothing more to print.
    pub fn told(exit: Exit) -> Self {
        Self::new(Value::Null, Page::default()).exit(exit)
    }

    /// With something to say on standard error.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// With another exit status.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

impl Page {
    /// A heading.
    #[must_use]
    pub fn title(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Title(text.into()));
        self
    }

    /// With another page below it.
    #[must_use]
    pub fn append(mut self, below: Self) -> Self {
        self.blocks.extend(below.blocks);
        self
    }

    /// A line or paragraph.
    #[must_use]
    pub fn line(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Line(text.into()));
        self
    }

    /// Names with values; what has no value is left out.
    #[must_use]
    pub fn fields<N: Into<String>>(
        mut self,
        fields: impl IntoIterator<Item = (N, Option<String>)>,
    ) -> Self {
        let fields = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.into(), value?)))
            .collect();
        self.blocks.push(Block::Fields(fields));
        self
    }

    /// A table; `empty` stands in its place where there are no rows.
    #[must_use]
    pub fn table(mut self, headers: &[&str], rows: Vec<Vec<String>>, empty: &str) -> Self {
        if rows.is_empty() {
            return self.line(empty);
        }
        self.blocks.push(Block::Table {
            headers: headers.iter().map(|&header| header.to_owned()).collect(),
            rows,
        });
        self
    }

    /// Shows it on standard error, before a question about it.
    pub fn show_before_asking(&self) {
        super::say(&super::table::draw(self, true));
    }

    /// A text as it is.
    #[must_use]
    pub fn verbatim(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Verbatim(text.into()));
        self
    }
}
