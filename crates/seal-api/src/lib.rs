//! Custom resources and manifests as types; no client calls.
