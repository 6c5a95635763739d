//! The rules for recipes, packages and images.

use crate::checks::{Check, Exceptions, Level, Looks};

macro_rules! rules {
    ($($name:ident $level:ident $id:literal $title:literal: $why:literal; $mend:literal; $exceptions:expr;)*) => {
        $(
            #[doc = $title]
            pub static $name: Check = Check {
                id: $id,
                title: $title,
                why: $why,
                mend: $mend,
                looks: Looks::AtDefinitions,
                level: Level::$level,
                exceptions: $exceptions,
            };
        )*
        /// Every rule, in the order of the documentation.
        pub static ALL: &[&Check] = &[$(&$name),*];
    };
}

const ALLOWED: Exceptions = Exceptions::Allowed;

rules! {
    DEFINITION Error "definition" "a document that cannot be read":
        "Nothing can be built from it.";
        "The message says what is wrong in which line, and what would be right.";
        Exceptions::Never("it cannot be used");
    STRAY_FOLDER Warning "stray-folder" "a folder or file that is no definition":
        "It is looked at by nobody: a recipe.yaml or package.yaml was forgotten, or it is left over.";
        "Add the document, or remove it.";
        Exceptions::Never("there is no document to declare it in");
    UNKNOWN_NAME Error "unknown-name" "a name of something that does not exist":
        "The build would stop at it.";
        "Correct the name, or write the recipe or package that is meant.";
        Exceptions::Never("it cannot be built");
    MISSING_FILE Error "missing-file" "a patch, file or script that is named and not there":
        "The build would stop at it.";
        "Add the file, or take its name out.";
        Exceptions::Never("it cannot be built");
    UNUSED_FILE Error "unused-file" "a file beside a recipe that the recipe does not name":
        "A patch that is not listed is not applied, and whoever sees it believes that it is.";
        "List it under 'patches' or 'files', or remove it.";
        ALLOWED;
    LICENCE Error "licence-expression" "a licence that is no SPDX expression":
        "Licences are gathered by machines: for the manifest, for the bill of materials, for whoever must decide whether an image may be used.";
        "Write it as on https://spdx.org/licenses: 'MIT OR Apache-2.0', 'GPL-2.0-only'; LicenseRef-<name> for one that is not there.";
        Exceptions::Never("LicenseRef-<name> stands for any other licence");
    LICENCE_FILES Error "licence-files" "a recipe without licence texts":
        "A package must hold the licence text of each component in it; without one it would not be packed.";
        "List the text under 'licence_files': a path below the source folder.";
        ALLOWED;
    INSECURE_URL Warning "insecure-url" "an address without TLS":
        "A source is checked by its digest, so it cannot be exchanged; but it can be withheld, and a reader who follows the page can be deceived.";
        "Use https://, where upstream has it.";
        ALLOWED;
    ONE_LOCATION Warning "one-location" "a source that can be had in one place only":
        "When that place is gone or slow, nothing can be built: distributions take old files away.";
        "Add a second location: upstream's own address, a Debian pool, or a registry.";
        ALLOWED;
    MAX_SIZE Warning "max-size" "a source without a sensible limit of size":
        "The limit is what a server that sends rubbish can make us write. Without one it is 512 MiB.";
        "Give 'max_size', about twice the size of the file.";
        ALLOWED;
    RELEASED Error "released-in-future" "a release date in the future":
        "It becomes the time of every file; make and tar complain of files from the future.";
        "Give the day on which upstream released it.";
        Exceptions::Never("correct the date");
    SUMMARY Warning "summary-style" "a summary that is no heading":
        "It stands in lists: one line, at most 120 letters, without a full stop at its end, beginning with a capital or the software's name.";
        "Write it so.";
        ALLOWED;
    UNKNOWN_TOOL Warning "unknown-tool" "a tool that the build root may not have":
        "The build stops where the root does not have it. (Lint knows the usual programs of Debian's packages; the build looks into the root itself.)";
        "Add the Debian package that has it to the root in recipes/build-roots.yaml, or correct the name.";
        ALLOWED;
    SHELL_SYNTAX Error "shell-syntax" "a shell text that no shell can read":
        "The step or script ends at once, at build or at boot.";
        "sh -n says what is wrong in which line.";
        Exceptions::Never("it cannot be run");
    SHELLCHECK Warning "shellcheck" "something that shellcheck warns of":
        "It is legal, and seldom what is meant. Each number has a page: https://www.shellcheck.net/wiki/SC2154.";
        "Do as its page says, or write '# shellcheck disable=SC2154' with a remark in the line before.";
        ALLOWED;
    STEP_NETWORK Error "step-network" "a step that fetches something":
        "Steps have no network: it fails. And what is fetched by no digest may be anything.";
        "Declare it under 'sources' with its digest.";
        ALLOWED;
    STEP_PRIVILEGE Error "step-privilege" "a step that wants to be another user":
        "Steps run as one plain user in a sandbox; sudo is not there, and nothing may need it.";
        "Leave it out: what is installed belongs to root anyway.";
        ALLOWED;
    STEP_PATH Error "step-path" "a step that names a place of the system or of the build":
        "/usr/local cannot be written; /build/out and /srv/software/… are $DESTDIR and $PREFIX, and change with the builder.";
        "Use $DESTDIR$PREFIX, $PREFIX, $SYSROOT/<component>.";
        ALLOWED;
    UNDECLARED_NEED Error "undeclared-need" "a step that uses a component that is not needed":
        "Only what 'needs' names is there, directly or indirectly.";
        "Add it to 'needs'.";
        ALLOWED;
    FIXED_JOBS Warning "fixed-jobs" "a step with a number of jobs of its own":
        "It is too many for a small machine and too few for a large one; --jobs has no effect on it.";
        "Use -j\"$JOBS\".";
        ALLOWED;
    CD_WITHOUT_EFFECT Warning "cd-without-effect" "a cd that nothing follows":
        "Each step begins in the source folder, in a shell of its own: where the one before ended does not matter.";
        "Put cd at the beginning of the step that needs it.";
        ALLOWED;
    UNQUOTED Warning "unquoted-destdir" "$DESTDIR or $PREFIX without quotes":
        "They have no spaces today. Quotes cost nothing and make the step safe to copy.";
        "Write \"$DESTDIR$PREFIX/bin\".";
        ALLOWED;
    SHEBANG Error "script-shebang" "a package's script that cannot be started":
        "The kernel reads the first line: without '#!' or with a program that is not in the image it is not started.";
        "Begin it with #!/bin/sh. ('env' is read by others and needs none.)";
        ALLOWED;
    SCRIPT_MODE Warning "script-mode" "a package's script that is not runnable":
        "The builder makes it so; but tried out in the checkout it does not run.";
        "chmod +x, and git add --chmod=+x.";
        ALLOWED;
    SERVICE_SCRIPT Error "service-script" "a service without its script, or the other way round":
        "A service is started by scripts/run/<service>: the package would not be packed.";
        "Add the script, or the service in package.yaml.";
        Exceptions::Never("it cannot be packed");
    SETTING_SECRET Error "setting-secret" "a key or password in scripts or settings":
        "Whoever has the package has it too, for ever.";
        "Make it at the first boot, in a setup step; and revoke this one where it was real.";
        ALLOWED;
    IMAGE_INCOMPLETE Error "image-incomplete" "an image without a package that one of its packages depends on":
        "The image would not be assembled.";
        "Add the package to the image.";
        Exceptions::Never("it cannot be assembled");
    USER_CONFLICT Error "user-conflict" "two users with one name or number":
        "Files of one would belong to the other.";
        "Give one of them another number.";
        Exceptions::Never("it cannot be assembled");
    TWICE Error "port-twice" "a port that an image names twice":
        "Only one service can listen on it.";
        "Remove one.";
        Exceptions::Never("remove one");
}
