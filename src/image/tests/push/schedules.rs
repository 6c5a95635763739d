//! Five hundred schedules of faults, each a function of its seed: every push ends with the right image, or with an error that says why and
//! tags that are what they were.

use std::collections::BTreeMap;
use std::path::Path;

use medic_image::push::PushError;

use crate::double::faults::{Chance, Schedule};
use crate::double::{Double, Guard, Location, Mode, Mounts};
use crate::pushing::{Still, client, is_whole, push, release, tag, wanted};

const SCHEDULES: u64 = 500;

/// How one schedule ended.
struct Ended {
    how: &'static str,
    faults: u32,
    requests: u32,
    waited: u64,
}

fn mode(chance: &mut Chance) -> Mode {
    Mode {
        location: match chance.below(12) {
            0..=4 => Location::Relative,
            5 | 6 => Location::Whole,
            7 | 8 => Location::Number,
            9 | 10 => Location::Elsewhere,
            _ => Location::Missing,
        },
        mounts: [Mounts::Done, Mounts::Begun, Mounts::Refused][chance.below(3) as usize],
        guard: [Guard::Nobody, Guard::Basic, Guard::Ecr, Guard::Bearer][chance.below(4) as usize],
        immutable: chance.percent(50),
        refuses: match chance.below(20) {
            0 => Some(("POST", 403)),
            1 => Some(("PUT /v2/app/manifests/sha256", 403)),
            2 => Some(("PUT /v2/app/manifests/1.0", 500)),
            3 => Some(("PUT /v2/app/blobs", 413)),
            _ => None,
        },
    }
}

/// One schedule: an older release may be there, under the tag or beside it; parts of ours may be there.
fn run(seed: u64, folder: &Path) -> Result<Ended, String> {
    let mut chance = Chance(seed);
    let double = Double::start(Mode::default());
    let still = Still::new(seed);
    let client = client(&double, still.clone());
    let sizes: Vec<usize> = (0..1 + chance.below(5)).map(|_| chance.below(40_000) as usize).collect();
    let ours = release(folder, seed, &sizes);
    let (own, other) = (ours.top.digest.oci(), release(folder, !seed, &sizes[..1]));
    let (may_move, has_older) = (chance.percent(40), chance.percent(40));
    if has_older {
        push(&client, &other, &[wanted("1.0", false)], &[])
            .map_err(|error| format!("before faults: {error}"))?;
    }
    if chance.percent(30) {
        // A push that was killed has left some.
        let mut part = ours.clone();
        part.blobs.truncate(1 + chance.below(ours.blobs.len() as u64) as usize);
        let found = medic_image::push::look(&client, &part, &[]).map_err(|error| error.to_string())?;
        for blob in part.blobs.iter().filter(|blob| !found.blobs.contains(&blob.digest)) {
            let mut state = double.state();
            let bytes = match &blob.source {
                medic_image::push::Source::Bytes(bytes) => bytes.clone(),
                medic_image::push::Source::File(path) => {
                    std::fs::read(path).map_err(|error| error.to_string())?
                }
            };
            state.store.blobs.insert(("app".to_owned(), blob.digest.oci()), bytes);
        }
    }
    let others: Vec<String> = if chance.percent(30) { vec!["base".to_owned()] } else { vec![] };
    if !others.is_empty() {
        let mut state = double.state();
        let here: Vec<_> = ours.blobs.iter().take(1).map(|blob| blob.digest.oci()).collect();
        if let medic_image::push::Source::File(path) = &ours.blobs[0].source {
            let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
            state.store.blobs.insert(("base".to_owned(), here[0].clone()), bytes);
        }
    }
    let before = tag(&double, "1.0");
    let share = [0, 10, 25, 50, 80][chance.below(5) as usize];
    {
        let mut state = double.state();
        state.mode = mode(&mut chance);
        state.schedule = Some(Schedule { seed, share });
        state.counts.clear();
    }
    let tags = [wanted("1.0", may_move)];
    let result = push(&client, &ours, &tags, &others);
    let now = tag(&double, "1.0");
    let (faults, requests, leaks, mode) = {
        let state = double.state();
        (state.faults, state.counts.values().sum(), state.leaks, state.mode)
    };
    let ended = |how| Ended {
        how,
        faults,
        requests,
        waited: still.waited.load(std::sync::atomic::Ordering::Relaxed),
    };
    if leaks > 0 {
        return Err("another host was told who asks".to_owned());
    }
    let patched = double.state().counts.keys().any(|kind| kind.starts_with("PATCH"));
    if patched {
        return Err("an upload was made in chunks".to_owned());
    }
    match result {
        Ok(pushed) => {
            if now.as_deref() != Some(&*own) || !is_whole(&double, &own) || pushed.digest != ours.top.digest {
                return Err(format!("it says that it is done, and the tag leads to {now:?}"));
            }
            if before.is_some() && before != now && !may_move {
                return Err("it has moved a tag that may not be moved".to_owned());
            }
            return Ok(ended("the right image"));
        }
        Err(error) => {
            let said = error.to_string();
            let names_place = said.contains(&double.address.to_string());
            if !names_place || said.len() < 60 {
                return Err(format!("an error that says nothing: {said}"));
            }
            if let PushError::TagTaken { .. } | PushError::TagImmutable { .. } = &error
                && !(said.contains(&own) && before.as_ref().is_some_and(|before| said.contains(before)))
            {
                return Err(format!("it does not name both digests: {said}"));
            }
            if now != before {
                return Err(format!("'{said}', and the tag leads to {now:?} and not to {before:?} any more"));
            }
        }
    }
    // Run again, when all is well again.
    let refused = before.is_some() && (!may_move || mode.immutable);
    {
        let mut state = double.state();
        let immutable = state.mode.immutable;
        state.mode = Mode { immutable, ..Mode::default() };
        state.schedule = None;
    }
    match push(&client, &ours, &tags, &others) {
        Ok(_) if refused => Err("it has moved a tag that may not be moved".to_owned()),
        Ok(_) if tag(&double, "1.0").as_deref() == Some(&*own) && is_whole(&double, &own) => {
            Ok(ended("an error, the tag as before; the right image when run again"))
        }
        Err(PushError::TagTaken { .. } | PushError::TagImmutable { .. }) if refused => {
            Ok(ended("an error that names both digests: the tag is taken"))
        }
        Ok(_) => Err("run again, it says that it is done, and it is not".to_owned()),
        Err(error) => Err(format!("run again: {error}")),
    }
}

#[test]
fn five_hundred_schedules_of_faults_end_well_or_say_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut how, mut failed) = (BTreeMap::<&str, u32>::new(), Vec::new());
    let (mut faults, mut requests, mut waited) = (0, 0, 0);
    for seed in 0..SCHEDULES {
        match run(seed, folder.path()) {
            Ok(ended) => {
                *how.entry(ended.how).or_default() += 1;
                faults += ended.faults;
                requests += ended.requests;
                waited += ended.waited;
            }
            Err(error) => failed.push(format!("seed {seed}: {error}")),
        }
    }
    println!(
        "{SCHEDULES} schedules: {requests} requests, {faults} faults, {} s of pauses that nobody waited",
        waited / 1000
    );
    for (how, count) in &how {
        println!("  {count}: {how}");
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(how.len() == 3, "not every end was met: {how:?}");
}
