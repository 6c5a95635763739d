//! Envelopes: a document and its signatures as one JSON document
//! (<https://github.com/secure-systems-lab/dsse/blob/master/envelope.md>).

use serde::{Deserialize, Serialize};

use super::{PublicKey, SigningKey, from_base64, to_base64};

/// The media type of an envelope as a layer.
pub const MEDIA_TYPE: &str = "application/vnd.dsse.envelope.v1+json";
/// The type of what is in ours: an in-toto statement.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";
/// So many signatures of an envelope are looked at.
const MAX_SIGNATURES: usize = 16;

/// An envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The type of what is in it.
    pub payload_type: String,
    /// What is in it, as Base64.
    pub payload: String,
    /// Signatures of both.
    pub signatures: Vec<Signed>,
}

/// A signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// A word for the key, which proves nothing. cosign leaves it empty.
    #[serde(default)]
    pub keyid: String,
    /// Base64.
    pub sig: String,
}

/// What is signed: "pre-authentication encoding" (protocol.md).
fn encoding(kind: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {kind} {} ", kind.len(), content.len()).into_bytes();
    bytes.extend_from_slice(content);
    bytes
}

impl Envelope {
    /// An in-toto statement, signed.
    pub fn of_statement(statement: &[u8], key: &SigningKey) -> Self {
        let sig = key.sign(&encoding(IN_TOTO, statement));
        Self {
            payload_type: IN_TOTO.to_owned(),
            payload: to_base64(statement),
            signatures: vec![Signed { keyid: String::new(), sig }],
        }
    }

    /// The envelope as JSON.
    ///
    /// # Panics
    /// Never: it has text keys only.
    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// The statement in it; none when it is something else.
    pub fn statement(&self) -> Option<Vec<u8>> {
        (self.payload_type == IN_TOTO).then(|| from_base64(&self.payload))?
    }

    /// Whether the key has signed this statement, which is the envelope's.
    pub fn is_signed(&self, statement: &[u8], key: &PublicKey) -> bool {
        let bytes = encoding(&self.payload_type, statement);
        self.signatures.iter().take(MAX_SIGNATURES).any(|signed| key.verifies(&bytes, &signed.sig))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of protocol.md, which every implementation has as a test.
    #[test]
    fn what_is_signed_is_the_specifications() {
        let bytes = encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    /// An envelope that cosign 2.5.0 has made with the key of this folder.
    #[test]
    fn an_envelope_of_cosigns_is_verified() {
        let envelope: Envelope =
            serde_json::from_str(include_str!("vectors/cosign-attestation.json")).expect("an envelope");
        let key = PublicKey::parse(include_str!("vectors/cosign.pub")).expect("a key");
        let other = PublicKey::parse(include_str!("vectors/openssl.pub")).expect("a key");
        let statement = envelope.statement().expect("a statement");
        assert!(envelope.is_signed(&statement, &key) && !envelope.is_signed(&statement, &other));
        let mut changed = statement.clone();
        changed[10] ^= 1;
        assert!(!envelope.is_signed(&changed, &key));
        // The type is signed too.
        let retyped = Envelope { payload_type: "application/json".to_owned(), ..envelope };
        assert!(!retyped.is_signed(&statement, &key) && retyped.statement().is_none());
    }

    #[test]
    fn ours_comes_back() {
        let key = SigningKey::parse(include_str!("vectors/openssl.pem"), None).expect("a key");
        let envelope: Envelope =
            serde_json::from_slice(&Envelope::of_statement(b"{}", &key).json()).expect("JSON");
        assert_eq!(envelope, Envelope::of_statement(b"{}", &key));
        assert_eq!(envelope.statement().as_deref(), Some(&b"{}"[..]));
        assert!(envelope.is_signed(b"{}", &key.public()));
        let none = Envelope { signatures: Vec::new(), ..envelope };
        assert!(!none.is_signed(b"{}", &key.public()));
    }
}
