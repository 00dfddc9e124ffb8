//! How much a stranger's text may cost. The caps of a rendered template live elsewhere.

/// Bounds on what one text may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the whole text.
    pub bytes: usize,
    /// Mappings and sequences inside each other, at most 255.
    pub depth: usize,
    /// Nodes of one document: scalars, mappings, sequences and aliases.
    pub nodes: usize,
    /// Nodes that the aliases of one document may unfold to in a value ("billion laughs").
    pub aliased_nodes: usize,
}

impl Default for Limits {
    /// 64 MiB, 128 levels, 4 million nodes; 400,000 nodes by alias, which is what go-yaml allows.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            depth: 128,
            nodes: 4_000_000,
            aliased_nodes: 400_000,
        }
    }
}
