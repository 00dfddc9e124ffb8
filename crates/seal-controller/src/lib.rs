//! The operator: queues, wiring, HTTP, metrics and settings.
