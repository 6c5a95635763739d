//! The environment of build steps. Pure.

use std::collections::BTreeMap;

use medic_model::recipe::Recipe;
use medic_model::{Arch, ComponentName};

/// Small code that the linker can leave out function by function; nothing that a program in C needs to be unwound.
const COMPILER_FLAGS: &str = "-Os -pipe -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables \
                              -fno-unwind-tables -fno-sanitize=undefined";
/// Static, without symbols, without what is not called.
const LINKER_FLAGS: &str = "-static -s -Wl,--gc-sections";

/// The folder where a component will stand when it is installed: what steps know as `PREFIX`.
pub fn prefix(component: &ComponentName) -> String {
    format!("/srv/software/{component}/current/default")
}

/// The environment of a component's steps, but for `JOBS`, which may not influence the result. `needs` is the closure of
/// what it needs.
pub fn environment(recipe: &Recipe, arch: Arch, needs: &[&ComponentName]) -> BTreeMap<String, String> {
    let for_each = |before: &str, after: &str| -> Vec<String> {
        needs.iter().map(|need| format!("{before}/sysroot/{need}/{after}")).collect()
    };
    let flags = |flags: &str, more: Vec<String>| [vec![flags.to_owned()], more].concat().join(" ");
    let compiler_flags = flags(COMPILER_FLAGS, for_each("-I", "include"));
    let mut environment: BTreeMap<String, String> = [
        ("CC", "/toolchain/bin/cc".to_owned()),
        ("CXX", "/toolchain/bin/c++".to_owned()),
        ("AR", "/toolchain/bin/ar".to_owned()),
        ("RANLIB", "/toolchain/bin/ranlib".to_owned()),
        ("STRIP", "/toolchain/bin/strip".to_owned()),
        ("CFLAGS", compiler_flags.clone()),
        ("CXXFLAGS", compiler_flags),
        ("LDFLAGS", flags(LINKER_FLAGS, for_each("-L", "lib"))),
        ("PKG_CONFIG_LIBDIR", for_each("", "lib/pkgconfig").join(":")),
        ("PKG_CONFIG_PATH", String::new()),
        ("SYSROOT", "/sysroot".to_owned()),
        ("PREFIX", prefix(&recipe.name)),
        ("DESTDIR", "/build/out".to_owned()),
        ("ARCH", arch.to_string()),
        ("TARGET", arch.target().to_owned()),
        ("VERSION", recipe.version.to_string()),
        ("SOURCE_DATE_EPOCH", recipe.released.epoch().to_string()),
        ("HOME", "/build".to_owned()),
        ("TZ", "UTC".to_owned()),
        ("LC_ALL", "C.UTF-8".to_owned()),
        ("PATH", "/toolchain/bin:/usr/bin:/bin".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    environment.extend(recipe.environment.clone());
    environment
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::graph;

    #[test]
    fn steps_see_all_that_is_needed_and_their_own_variables() {
        let graph =
            graph(&[("nginx", &["openssl"]), ("openssl", &["zlib"]), ("zlib", &[])]).expect("no circle");
        let name = "nginx".parse().expect("a name");
        let mut recipe = graph.recipe(&name).clone();
        recipe.environment = [("CFLAGS", "-O3"), ("EXTRA", "$HOME `x`")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let environment = environment(&recipe, Arch::Arm64, &graph.closure(&name));
        assert_eq!(
            environment["CXXFLAGS"],
            format!("{COMPILER_FLAGS} -I/sysroot/zlib/include -I/sysroot/openssl/include")
        );
        assert_eq!(
            environment["LDFLAGS"],
            format!("{LINKER_FLAGS} -L/sysroot/zlib/lib -L/sysroot/openssl/lib")
        );
        assert_eq!(
            environment["PKG_CONFIG_LIBDIR"],
            "/sysroot/zlib/lib/pkgconfig:/sysroot/openssl/lib/pkgconfig"
        );
        assert_eq!(environment["PREFIX"], "/srv/software/nginx/current/default");
        assert_eq!(environment["TARGET"], "aarch64-linux-musl");
        assert_eq!(environment["CFLAGS"], "-O3", "the recipe's own value wins");
        assert_eq!(environment["EXTRA"], "$HOME `x`", "a value is never expanded");
        assert!(!environment.contains_key("JOBS"), "the number of jobs is no input");
    }
}
