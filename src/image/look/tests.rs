//! What differs between two images.

use super::*;

fn entry(path: &str, content: Option<u8>) -> Entry {
    Entry {
        path: path.to_owned(),
        kind: if content.is_some() { Kind::File } else { Kind::Folder },
        mode: "0755".to_owned(),
        uid: 0,
        gid: 0,
        size: content.map_or(0, u64::from),
        target: None,
        sha256: content.map(|byte| medic_model::Sha256::from_bytes([byte; 32])),
    }
}

fn image(entries: &[(&str, Option<u8>)], config: &str) -> ImageView {
    ImageView {
        digest: None,
        architecture: "amd64".to_owned(),
        created: None,
        config: serde_json::from_str(config).expect("JSON"),
        layers: vec![LayerView {
            digest: String::new(),
            size: 0,
            diff_id: String::new(),
            plain_size: 0,
            made_by: None,
            entries: entries.iter().map(|(path, content)| entry(path, *content)).collect(),
        }],
    }
}

#[test]
fn another_version_of_a_package_does_not_make_all_its_files_new() {
    let before = image(
        &[
            ("usr/lib/medic-os/nginx/v1.0/x64/bin/nginx", Some(1)),
            ("usr/lib/medic-os/nginx/v1.0/x64/same", Some(2)),
            ("usr/lib/medic-os/nginx/v1.0/x64/gone", Some(3)),
            ("usr/lib/medic-os/zlib/v1/x64/z", Some(4)),
            ("etc/passwd", Some(5)),
        ],
        r#"{"Env":["A=b"],"Labels":{"x":"1","y":"2"}}"#,
    );
    let after = image(
        &[
            ("usr/lib/medic-os/nginx/v1.1/x64/bin/nginx", Some(9)),
            ("usr/lib/medic-os/nginx/v1.1/x64/same", Some(2)),
            ("usr/lib/medic-os/pcre2/v3/x64/p", Some(4)),
            ("etc/passwd", Some(5)),
        ],
        r#"{"Env":["A=c"],"Labels":{"x":"1"}}"#,
    );
    let difference = Difference::between(&before, &after);
    let packages: Vec<_> = difference
        .packages
        .iter()
        .map(|one| (one.name.as_str(), one.before.len(), one.after.len()))
        .collect();
    assert_eq!(packages, [("nginx", 1, 1), ("pcre2", 0, 1), ("zlib", 1, 0)]);
    let files: Vec<_> =
        difference.files.iter().map(|one| (one.path.as_str(), one.words(), one.growth())).collect();
    assert_eq!(
        files,
        [
            ("x64/bin/nginx", "content".to_owned(), 8),
            ("x64/gone", "gone".to_owned(), -3),
            ("x64/p", "new".to_owned(), 4),
            ("x64/z", "gone".to_owned(), -4),
        ]
    );
    let fields: Vec<_> = difference.configuration.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(fields, ["Env", "label y"]);
    assert!(Difference::between(&after, &after).is_empty() && !difference.is_empty());
}
