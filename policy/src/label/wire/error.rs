//! Why a label was refused.

/// Why a label was refused. Says where, never what stood there: the text is the sender's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Neither XML nor a JSON object.
    #[error("this is neither XML nor a JSON object; give a label")]
    Format,
    /// Not well-formed JSON, or JSON with two readings, such as a key that stands twice.
    #[error("not strict JSON: {0}")]
    Json(&'static str),
    /// Not XML that is read here.
    #[error("{what}")]
    Xml {
        /// Short word for the mistake, such as `dtd-forbidden`.
        code: &'static str,
        /// What is wrong and what to do.
        what: &'static str,
    },
    /// A mistake on a line of a file.
    #[error("line {line}: {mistake}")]
    At {
        /// The line, from 1.
        line: u32,
        /// The mistake.
        mistake: Box<LabelError>,
    },
    /// The whole label is over a limit.
    #[error("the label has more than {limit} {what}; shorten it")]
    TooLarge {
        /// The limit that it passes.
        limit: usize,
        /// What is counted.
        what: &'static str,
    },
    /// A key, element or attribute that a label does not have there.
    #[error(
        "{within} has something that a label does not have there; remove it or correct its spelling"
    )]
    UnknownKey {
        /// The object or element that it stands in.
        within: &'static str,
    },
    /// A key, element or attribute that a label must have.
    #[error("{key} is missing from the label; add it")]
    Missing {
        /// The missing key.
        key: &'static str,
    },
    /// Something that may stand once.
    #[error("{key} stands twice; remove one")]
    Repeated {
        /// The key.
        key: &'static str,
    },
    /// Something that stands at the wrong place.
    #[error("{key} stands too late; the order is that of ADatP-4774")]
    Order {
        /// The element.
        key: &'static str,
    },
    /// A value of the wrong JSON type.
    #[error("{key} is not {expected}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A value outside its closed list or not in its format.
    #[error("{key} has no permitted value; it must be {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// An empty name, or one with invisible or control characters.
    #[error("{key} is empty or has invisible characters; write it plainly")]
    Unclean {
        /// The key.
        key: &'static str,
    },
}

impl LabelError {
    /// A short kebab-case word for the kind of mistake, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            LabelError::Format => "format",
            LabelError::Json(_) => "json",
            LabelError::Xml { code, .. } => code,
            LabelError::At { mistake, .. } => mistake.code(),
            LabelError::TooLarge { .. } => "too-large",
            LabelError::UnknownKey { .. } => "unknown-key",
            LabelError::Missing { .. } => "missing",
            LabelError::Repeated { .. } => "repeated",
            LabelError::Order { .. } => "order",
            LabelError::WrongType { .. } => "wrong-type",
            LabelError::Value { .. } => "value",
            LabelError::Unclean { .. } => "unclean",
        }
    }

    /// This mistake on line `line`; one that has a line keeps it.
    pub(crate) fn at(self, line: u32) -> LabelError {
        match self {
            LabelError::At { .. } => self,
            mistake => LabelError::At {
                line,
                mistake: Box::new(mistake),
            },
        }
    }
}
