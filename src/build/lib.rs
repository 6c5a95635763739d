//! Recipe to package: graph, fetch, sandbox, store.
