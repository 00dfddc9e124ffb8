//! The one middle: due, needs, open, shape, plan. Pure; the same in the cluster and on a laptop.
