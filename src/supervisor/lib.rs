//! PID 1, the per-service supervisor, control and the service commands.
