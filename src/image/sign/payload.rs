//! What a signature of an image says: this digest, under this name ("simple signing", the form of containers/image's
//! `container-signature` page, as cosign has it).

use medic_model::Sha256;
use serde::{Deserialize, Serialize};

/// The media type of such a payload as a layer.
pub const MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The most bytes of one; cosign's have about 250.
pub const MAX_PAYLOAD: u64 = 64 << 10;
/// What it says that it is.
const KIND: &str = "cosign container image signature";

#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    critical: Critical,
    /// Words of whoever signs, for policies.
    #[serde(default)]
    optional: Option<serde_json::Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Critical {
    identity: Identity,
    image: SignedImage,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Identity {
    /// `registry.example/medic/nginx`, for readers whose policy names images.
    #[serde(rename = "docker-reference")]
    reference: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct SignedImage {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

/// The bytes to be signed for the image of this digest in a repository (`registry.example/medic/nginx`).
///
/// # Panics
/// Never: it has text keys only.
pub fn of(repository: &str, digest: Sha256) -> Vec<u8> {
    let payload = Payload {
        critical: Critical {
            identity: Identity { reference: repository.to_owned() },
            image: SignedImage { digest: digest.oci() },
            kind: KIND.to_owned(),
        },
        optional: None,
    };
    serde_json::to_vec(&payload).unwrap_or_else(|error| unreachable!("{error}"))
}

/// The digest that a payload is about; none when it is no payload of an image's signature.
pub fn digest(bytes: &[u8]) -> Option<String> {
    let payload: Payload = serde_json::from_slice(bytes).ok()?;
    (payload.critical.kind == KIND).then_some(payload.critical.image.digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_byte_for_byte_as_cosign_writes_it() {
        let digest = Sha256::from_bytes([0xd4; 32]);
        let ours = of("127.0.0.1:5987/t/one", digest);
        let hex = "d4".repeat(32);
        let cosign = format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"127.0.0.1:5987/t/one"}},"image":{{"docker-manifest-digest":"sha256:{hex}"}},"type":"cosign container image signature"}},"optional":null}}"#
        );
        assert_eq!(String::from_utf8(ours).expect("text"), cosign);
        assert_eq!(super::digest(cosign.as_bytes()), Some(digest.oci()));
        let worded = cosign.replace("null", r#"{"team": "x"}"#);
        assert_eq!(super::digest(worded.as_bytes()), Some(digest.oci()));
        let other = cosign.replace("cosign container", "atomic container");
        for none in ["", "{}", "[]", "null", &other] {
            assert_eq!(super::digest(none.as_bytes()), None, "{none}");
        }
    }
}
