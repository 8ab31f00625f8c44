//! Where something lies in a document.

use std::fmt;

/// One step of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A field of a map.
    Field(String),
    /// A zero-based position in a list.
    Index(usize),
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Field(name) => formatter.write_str(name),
            Key::Index(index) => write!(formatter, "{index}"),
        }
    }
}

impl From<&str> for Key {
    fn from(name: &str) -> Key {
        Key::Field(name.to_owned())
    }
}

impl From<String> for Key {
    fn from(name: String) -> Key {
        Key::Field(name)
    }
}

impl From<usize> for Key {
    fn from(index: usize) -> Key {
        Key::Index(index)
    }
}

/// The steps from a document's root map to a value; shown as `goals/ab12/statement`.
///
/// The empty path is the root map itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Path(Vec<Key>);

impl Path {
    /// The root map.
    pub fn root() -> Path {
        Path::default()
    }

    /// The path written with slashes; every step becomes a field.
    pub fn parse(text: &str) -> Path {
        text.split('/').filter(|step| !step.is_empty()).collect()
    }

    /// The steps.
    pub fn keys(&self) -> &[Key] {
        &self.0
    }

    /// This path and one step more.
    #[must_use]
    pub fn join(&self, key: impl Into<Key>) -> Path {
        let mut keys = self.0.clone();
        keys.push(key.into());
        Path(keys)
    }

    /// The path without its last step, and that step; `None` for the root.
    pub fn split_last(&self) -> Option<(Path, &Key)> {
        let (last, parent) = self.0.split_last()?;
        Some((Path(parent.to_vec()), last))
    }

    /// True if `prefix` is this path or one of those it lies under.
    pub fn starts_with(&self, prefix: &Path) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// Name of the step at `position` from the root, if it is a field.
    pub fn field(&self, position: usize) -> Option<&str> {
        match self.0.get(position)? {
            Key::Field(name) => Some(name),
            Key::Index(_) => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, key) in self.0.iter().enumerate() {
            if position > 0 {
                formatter.write_str("/")?;
            }
            write!(formatter, "{key}")?;
        }
        Ok(())
    }
}

impl<K: Into<Key>> FromIterator<K> for Path {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Path {
        Path(keys.into_iter().map(Into::into).collect())
    }
}

impl From<Vec<Key>> for Path {
    fn from(keys: Vec<Key>) -> Path {
        Path(keys)
    }
}

impl From<&Path> for Path {
    fn from(path: &Path) -> Path {
        path.clone()
    }
}

impl From<&[&str]> for Path {
    fn from(fields: &[&str]) -> Path {
        fields.iter().copied().collect()
    }
}

impl<const N: usize> From<&[&str; N]> for Path {
    fn from(fields: &[&str; N]) -> Path {
        fields.iter().copied().collect()
    }
}

impl<const N: usize> From<[&str; N]> for Path {
    fn from(fields: [&str; N]) -> Path {
        fields.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_shows_and_parses_with_slashes() {
        let path = Path::from(&["goals", "ab12", "statement"]);
        assert_eq!(path.to_string(), "goals/ab12/statement");
        assert_eq!(Path::parse("goals/ab12/statement"), path);
        assert_eq!(path.join(3).to_string(), "goals/ab12/statement/3");
        assert_eq!(Path::parse(""), Path::root());
    }

    #[test]
    fn a_path_lies_under_its_prefixes_only() {
        let path = Path::from(["goals", "ab12"]);
        assert!(path.starts_with(&Path::from(["goals"])));
        assert!(path.starts_with(&path));
        assert!(!path.starts_with(&Path::from(["goal"])));
    }
}
