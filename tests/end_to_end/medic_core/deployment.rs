//! The files that deploy medic-core do: the compose file, by the real program.

use std::process::Command;
use std::time::Duration;

use medic_tests::command::{Outcome, run};
use medic_tests::container::unique;
use medic_tests::medic_core::Core;
use medic_tests::ports::free_port;
use medic_tests::xtask::medic_core_image;
use medic_tests::{Container, Scratch, wait_for};

/// A folder as an operator has it: the compose file, and the secret beside it. What it started is removed on drop.
struct Deployment {
    scratch: Scratch,
    project: String,
    ports: [u16; 2],
}

impl Deployment {
    fn new(password: &str) -> Self {
        let scratch = Scratch::new("deployment");
        let file = medic_tests::workspace().join("images/medic-core/compose.yaml");
        std::fs::copy(file, scratch.join("compose.yaml")).expect("copied");
        scratch.write("admin-password", &format!("{password}\n"));
        Self { scratch, project: unique("compose"), ports: [free_port(), free_port()] }
    }

    fn compose(&self, arguments: &[&str]) -> Outcome {
        run(Command::new("docker-compose")
            .args(["--project-name", &self.project, "--file", "compose.yaml"])
            .args(arguments)
            .env("MEDIC_CORE_IMAGE", &medic_core_image().reference)
            .env("MEDIC_CORE_HTTP", self.ports[0].to_string())
            .env("MEDIC_CORE_HTTPS", self.ports[1].to_string())
            .current_dir(self.scratch.path()))
    }

    /// Starts it, and waits until Docker calls it healthy: by the image's own check.
    fn up(&self, password: &str) -> Core {
        self.compose(&["up", "--detach"]).success();
        let name = self.compose(&["ps", "--quiet", "core"]).success().text().to_owned();
        let core = Core { container: Container { name }, password: password.to_owned() };
        wait_for("the container is healthy", Duration::from_secs(60), || {
            (core.container.inspect("{{.State.Health.Status}}") == "healthy").then_some(())
        });
        core
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        self.compose(&["down", "--volumes"]);
    }
}

#[test]
fn the_compose_file_deploys_it_and_its_data_outlive_the_container() {
    let password = "a-secret-in-a-file";
    let deployment = Deployment::new(password);
    let core = deployment.up(password);
    core.must_put("/patients", "");
    core.must_put("/patients/one", "{}");
    let shown = core
        .container
        .inspect("{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}");
    assert_eq!(shown, "true [ALL] [no-new-privileges:true]");
    assert!(!core.container.inspect("{{json .}}").contains(password), "docker inspect shows the secret");
    let (took, code) = core.container.stop();
    assert_eq!(code, "0");
    assert!(took < Duration::from_secs(15), "{took:?}: Docker had to kill it");
    deployment.compose(&["down"]).success();
    drop(core);
    let again = deployment.up(password);
    assert!(again.names("patients").contains("one"));
}
