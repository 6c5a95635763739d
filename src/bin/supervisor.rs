//! PID 1 and every service command, by the name it is called by.
fn main() {}
