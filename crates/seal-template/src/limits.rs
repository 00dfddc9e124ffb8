//! What one rendering, and several together, may cost at most; every limit has its own name in faults.
//! The parser's recursion bound is not configurable and stands in `parser`.

/// The bounds of one rendering.
///
/// Fuel bounds time and memory together: a step costs one unit, eight bytes made cost one more.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Steps, plus an eighth of all bytes made on the way.
    pub fuel: u64,
    /// Bytes of output.
    pub output: usize,
    /// Bytes of any single intermediate string or list.
    pub intermediate: usize,
    /// Templates within templates (Go: 100,000).
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            fuel: 4_000_000,
            output: 4 << 20,
            intermediate: 4 << 20,
            depth: 1_000,
        }
    }
}

/// What all templates of one object may cost together: their number is a stranger's choice, too.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Fuel that is left, as in [`Limits::fuel`].
    pub fuel: u64,
    /// Bytes of output that are left.
    pub output: usize,
}

impl Default for Budget {
    /// Four templates that go to their limits (an RSA key of 4096 bits takes more than half of one's fuel),
    /// and four times what a Secret can hold.
    fn default() -> Self {
        Budget {
            fuel: 16_000_000,
            output: 4 << 20,
        }
    }
}

/// The limit that a rendering ran into.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Limit {
    /// Too many steps.
    #[error("the template takes too many steps")]
    Fuel,
    /// Too much output.
    #[error("the output is too large")]
    Output,
    /// A string or list too large.
    #[error("an intermediate value is too large")]
    Intermediate,
    /// Templates calling templates.
    #[error("exceeded maximum template depth")]
    Depth,
    /// Values within values.
    #[error("values are nested too deeply")]
    Nesting,
    /// A key, a cost factor or a count beyond what a function allows.
    #[error("the work asked for is too expensive")]
    Cost,
}
