//! Kubernetes for the engine: watches, object needs, steps, status and events.
