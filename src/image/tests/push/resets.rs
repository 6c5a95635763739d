//! A connection that is reset at every byte of a request, and of its answer.

use crate::double::faults::Fault;
use crate::double::{Double, Mode};
use crate::pushing::{Still, client, is_whole, push, release, tag, wanted};

/// Pushes with a fault of the first request of a kind at every so-manieth byte; gives how many there were.
fn at_every_byte(kind: &'static str, step: usize) -> usize {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = release(folder.path(), 7, &[600]);
    let lengths = {
        let double = Double::start(Mode::default());
        push(&client(&double, Still::new(1)), &ours, &[wanted("1", false)], &[]).expect("pushed");
        let state = double.state();
        let found = state.lengths.iter().find(|(found, _)| found.starts_with(kind));
        *found.unwrap_or_else(|| panic!("no request {kind}: {:?}", state.lengths.keys())).1
    };
    let requests = (0..lengths.0).step_by(step).map(Fault::ResetRequest);
    let answers = (0..lengths.1).step_by(step).map(Fault::ResetAnswer);
    let mut count = 0;
    for fault in requests.chain(answers) {
        let double = Double::start(Mode::default());
        double.state().planned = Some((kind, 0, fault));
        let pushed = push(&client(&double, Still::new(1)), &ours, &[wanted("1", false)], &[]);
        pushed.unwrap_or_else(|error| panic!("{kind} {fault:?}: {error}"));
        assert_eq!(tag(&double, "1"), Some(ours.top.digest.oci()), "{kind} {fault:?}");
        assert!(is_whole(&double, &ours.top.digest.oci()), "{kind} {fault:?}");
        assert!(double.state().faults >= 1, "{kind} {fault:?} was never met");
        count += 1;
    }
    count
}

#[test]
fn a_reset_at_any_byte_of_a_request_or_its_answer_does_no_harm() {
    for (kind, step) in [
        ("PUT /v2/app/blobs/uploads/", 1),
        ("PUT /v2/app/manifests/1", 1),
        ("PUT /v2/app/manifests/sha256", 3),
        ("POST /v2/app/blobs/uploads/", 3),
        ("HEAD /v2/app/blobs/", 3),
        ("HEAD /v2/app/manifests/1", 3),
    ] {
        println!("{kind}: reset at {} bytes", at_every_byte(kind, step));
    }
}
