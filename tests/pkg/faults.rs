//! Killed at every system call that changes a file, and starved at every one: the old or the new state is what remains.
