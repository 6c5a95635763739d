//! An image of a registry beside one that was built here.

use super::VerifiedImage;
use crate::assemble::Image;

/// What is the same, and what is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rebuilt {
    /// Byte for byte.
    Same,
    /// Differences, in words.
    Different(Vec<String>),
}

/// Compares by digests, and names what differs: layers by what is in them here.
pub fn compare(published: &VerifiedImage, built: &Image) -> Rebuilt {
    if published.digest == built.manifest.digest {
        return Rebuilt::Same;
    }
    let mut words = Vec::new();
    let (theirs, ours) = (published.layers.len(), built.layers.len());
    if theirs != ours {
        words.push(format!("it has {theirs} layers, and {ours} built here"));
    }
    for (number, layer) in built.layers.iter().enumerate() {
        let here = layer.digest.oci();
        match published.layers.get(number) {
            Some(there) if *there != here => {
                let what = layer.content.words();
                words.push(format!(
                    "layer {} ({what}) is {}, and {here} built here",
                    number + 1,
                    there.escape_debug()
                ));
            }
            _ => {}
        }
    }
    let config = built.config.digest.oci();
    if published.config != config {
        let because = match (&published.revision, built.revision()) {
            (Some(theirs), Some(ours)) if theirs != ours => {
                format!(": it was made from the commit {}, and this is {ours}", theirs.escape_debug())
            }
            _ => String::new(),
        };
        words.push(format!(
            "the configuration is {}, and {config} built here{because}",
            published.config.escape_debug()
        ));
    }
    if words.is_empty() {
        words.push("its manifest is written otherwise: layers and configuration are the same".to_owned());
    }
    Rebuilt::Different(words)
}
