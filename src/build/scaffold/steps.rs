//! The steps of a first recipe, for each kind of project: what works for most, with remarks for whoever goes on from there. Pure.

use std::collections::BTreeMap;

use super::inspect::{Found, Kind};

/// Tools, steps and test of a recipe, as its text from `tools:` on.
pub fn text(kind: Kind, found: &Found, programs: &BTreeMap<String, String>) -> String {
    match kind {
        Kind::Autotools => configure("", "./configure --host=\"$TARGET\" --prefix=\"$PREFIX\"", found, kind),
        Kind::Configure => {
            let remark =
                "      # Written by hand, not by Autoconf: see ./configure --help for what it takes.\n";
            configure(remark, "CHOST=\"$TARGET\" ./configure --prefix=\"$PREFIX\"", found, kind)
        }
        Kind::Autoreconf => {
            let remark = "      # The archive has no configure: it is made first.\n      autoreconf --force --install\n";
            configure(remark, "./configure --host=\"$TARGET\" --prefix=\"$PREFIX\"", found, kind)
        }
        Kind::CMake => cmake(found),
        Kind::Make => make(found),
        Kind::Npm => npm(programs),
    }
}

const INSTALL: &str = "      # Manuals and translations are of no use in an image.
      rm -rf \"$DESTDIR$PREFIX/man\" \"$DESTDIR$PREFIX/share/man\" \"$DESTDIR$PREFIX/share/info\" \"$DESTDIR$PREFIX/share/doc\" \"$DESTDIR$PREFIX/share/locale\"
      find \"$DESTDIR\" -name '*.la' -delete
";

/// The checks ask for it, and compilers do not do it of themselves.
const PIE: &str =
    "      # At a random address at each start, so that an attacker does not know where its code is.
      export CFLAGS=\"$CFLAGS -fPIE\" CXXFLAGS=\"$CXXFLAGS -fPIE\" LDFLAGS=\"$LDFLAGS -pie\"
";

/// The same for what may look for neither CFLAGS nor LDFLAGS. No linker flags: zig links objects as well.
const PIE_BY_CC: &str = "      # At a random address at each start, so that an attacker does not know where its code is. Through CC, for a Makefile that
      # looks for neither CFLAGS nor LDFLAGS.
      export CC=\"$CC $CFLAGS -fPIE -static -pie\"
";

const PKG_CONFIG: &str =
    "      # Found wherever the component is: components that need this one see it below /sysroot.
      find \"$DESTDIR$PREFIX\" -name '*.pc' -exec sed -i 's|^prefix=.*|prefix=${pcfiledir}/../..|' {} +
";

const TEST: &str =
    "# Run against what was installed, where it can run on this machine. Say here what must work:
# test: |
#   \"$DESTDIR$PREFIX/bin/…\" --version
";

fn install(found: &Found) -> String {
    format!("{INSTALL}{}", if found.pkg_config { PKG_CONFIG } else { "" })
}

fn configure(before: &str, command: &str, found: &Found, kind: Kind) -> String {
    let tools = match kind {
        Kind::Autoreconf => "[make, sed, awk, find, autoreconf]\nroot: autotools",
        _ => "[make, sed, awk, find]",
    };
    let autoconf = kind != Kind::Configure;
    // What Autoconf was told stands in the Makefile.
    let (pie, again) = if autoconf { (PIE, "") } else { (PIE_BY_CC, PIE_BY_CC) };
    let mut options = String::new();
    if autoconf {
        options.push_str(" \\\n        --disable-dependency-tracking --disable-nls");
    }
    if autoconf && found.libtool {
        options.push_str(" \\\n        --disable-shared --enable-static --with-pic");
    }
    let remark = if autoconf {
        "      # --host: it may not ask which machine it is built on. Options: ./configure --help\n"
    } else {
        ""
    };
    format!(
        "tools: {tools}
steps:
  - name: configure
    run: |
{pie}{before}{remark}      {command}{options}
  - name: compile
    run: |
{again}      make -j\"$JOBS\"
  - name: install
    run: |
{again}      make install DESTDIR=\"$DESTDIR\"
{}{TEST}",
        install(found)
    )
}

fn cmake(found: &Found) -> String {
    format!(
        "root: cmake
tools: [cmake, make, sed, find]
steps:
  - name: configure
    run: |
      # Programs are at a random address at each start, so that an attacker does not know where their code is.
      export CFLAGS=\"$CFLAGS -fPIE\" CXXFLAGS=\"$CXXFLAGS -fPIE\"
      # The system is named so that it may not ask which machine it is built on; libraries are those of `needs` only.
      cmake -S . -B build -G 'Unix Makefiles' \\
        -DCMAKE_BUILD_TYPE=MinSizeRel -DCMAKE_INSTALL_PREFIX=\"$PREFIX\" -DCMAKE_INSTALL_LIBDIR=lib \\
        -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=\"${{TARGET%%-*}}\" \\
        -DCMAKE_FIND_ROOT_PATH=\"$SYSROOT\" -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER \\
        -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY \\
        -DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF -DCMAKE_SKIP_RPATH=ON \\
        -DCMAKE_EXE_LINKER_FLAGS=\"$LDFLAGS -pie\"
  - name: compile
    run: cmake --build build --parallel \"$JOBS\"
  - name: install
    run: |
      DESTDIR=\"$DESTDIR\" cmake --install build
{}{TEST}",
        install(found)
    )
}

fn make(found: &Found) -> String {
    let variables = "CC=\"$CC\" AR=\"$AR\" RANLIB=\"$RANLIB\" PREFIX=\"$PREFIX\" prefix=\"$PREFIX\"";
    let staged =
        "CC=\"$CC\" AR=\"$AR\" RANLIB=\"$RANLIB\" PREFIX=\"$DESTDIR$PREFIX\" prefix=\"$DESTDIR$PREFIX\"";
    let install = if found.installs && found.staged {
        format!("      make install DESTDIR=\"$DESTDIR\" {variables}\n{}", install(found))
    } else if found.installs {
        let remark = "      # The Makefile knows no DESTDIR before all other folders: the folder itself is said to be another.\n";
        format!("{remark}      make install {staged}\n{}", install(found))
    } else {
        "      # The Makefile has no target 'install': the programs that it made are taken. All files have one time before the
      # build, so that what is newer was made by it.
      mkdir -p \"$DESTDIR$PREFIX/bin\"
      find . -type f -perm -u+x -newer \"$(ls -d [Mm]akefile GNUmakefile 2>/dev/null | head -n 1)\" -exec cp {} \"$DESTDIR$PREFIX/bin/\" ';'
"
        .to_owned()
    };
    format!(
        "tools: [make, sed, find]
steps:
  - name: compile
    run: |
{PIE_BY_CC}      make -j\"$JOBS\" {variables}
  - name: install
    run: |
{PIE_BY_CC}{install}{TEST}"
    )
}

fn npm(programs: &BTreeMap<String, String>) -> String {
    let mut links = String::new();
    for (name, path) in programs {
        links.push_str(&format!(
            "      chmod 755 \"$module/{path}\"\n      ln -s \"../lib/$name/{path}\" \"$DESTDIR$PREFIX/bin/{name}\"\n"
        ));
    }
    let bin = if links.is_empty() { "" } else { " \"$DESTDIR$PREFIX/bin\"" };
    let test = match programs.keys().next() {
        Some(program) => format!("  node --check \"$DESTDIR$PREFIX/bin/{program}\"\n"),
        None => "  name=$(node -p 'require(\"./package.json\").name')\n  node -e 'require(process.argv[1])' \"$DESTDIR$PREFIX/lib/$name\"\n".to_owned(),
    };
    format!(
        "root: node
tools: [node]
steps:
  # Nothing is compiled, and no script of a package is run: each is laid where npm would have put it.
  - name: install
    run: |
      name=$(node -p 'require(\"./package.json\").name')
      module=$DESTDIR$PREFIX/lib/$name
      mkdir -p \"$module\"{bin}
      cp -R . \"$module/\"
{links}# By the build root's own node, whichever machine it is built for.
test: |
{test}test_foreign: true
"
    )
}
