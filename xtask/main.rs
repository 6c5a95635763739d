//! `cargo xtask`: the builder's command line.

mod arguments;
mod environment;

fn main() {
    let arguments = <arguments::Arguments as clap::Parser>::parse();
    let environment = environment::Environment::read();
    drop((arguments, environment));
}
