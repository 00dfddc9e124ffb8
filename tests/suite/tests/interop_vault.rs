//! Our client on a real OpenBao: where keys lead, how missing is told from broken, every way to log in, the life of a
//! token, and what a store that misbehaves gets from us. Needs what `cargo xtask test --tier interop` checks for.

mod interop_vault {
    pub(crate) mod finding;
    pub(crate) mod ground;
    pub(crate) mod misbehaving;
    pub(crate) mod reading;
    pub(crate) mod signing_in;
    pub(crate) mod tokens;
}
