//! How others call a component: its package URL, and its names in the National Vulnerability Database. They are of a package's
//! documents only; no build depends on them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::Version;
use crate::text::text_serde;

/// A package URL: `pkg:type/namespace/name@version?qualifiers` (<https://github.com/package-url/purl-spec>), without a
/// subpath.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    kind: String,
    /// The namespace, if there is one, and the name: not encoded, none empty.
    path: Vec<String>,
    version: Option<String>,
    qualifiers: BTreeMap<String, String>,
}

/// Why a text is not a package URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a package URL: {why}; one is written like pkg:github/madler/zlib@v1.3.2")]
pub struct PurlError {
    text: String,
    why: &'static str,
}

impl Purl {
    /// `kind` is one of the specification's types, such as `cargo`; `name` may have a namespace before it, with slashes.
    pub fn new(kind: &str, name: &str, version: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            path: name.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            version: Some(version.to_owned()),
            qualifiers: BTreeMap::new(),
        }
    }

    /// The same with a further qualifier.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.qualifiers.insert(key.to_owned(), value.into());
        self
    }

    /// The same with this version, unless it has one.
    pub fn or_version(mut self, version: &Version) -> Self {
        self.version.get_or_insert_with(|| version.to_string());
        self
    }

    /// The type, such as `github`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The namespace, if there is one, and the name, between slashes.
    pub fn path(&self) -> String {
        self.path.join("/")
    }

    /// The version.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

impl FromStr for Purl {
    type Err = PurlError;

    fn from_str(text: &str) -> Result<Self, PurlError> {
        let fault = |why| PurlError { text: text.to_owned(), why };
        let decode = |part: &str| {
            decoded(part).ok_or_else(|| fault("a '%' stands before something else than two hexadecimal digits, or a character must be written so"))
        };
        let rest = text.strip_prefix("pkg:").ok_or_else(|| fault("it does not start with 'pkg:'"))?;
        if rest.contains('#') {
            return Err(fault("a subpath ('#') is not taken"));
        }
        let (rest, qualifiers) = rest.split_once('?').map_or((rest, None), |(rest, q)| (rest, Some(q)));
        let (rest, version) = rest.rsplit_once('@').map_or((rest, None), |(rest, v)| (rest, Some(v)));
        let (kind, path) = rest.split_once('/').ok_or_else(|| fault("it has no name after the type"))?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+.-".contains(c);
        if !kind.chars().all(plain) || !kind.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(fault("its type is not of a-z 0-9 + . -"));
        }
        let path = path.split('/').map(decode).collect::<Result<Vec<_>, _>>()?;
        if path.iter().any(String::is_empty) || version.is_some_and(str::is_empty) {
            return Err(fault("a part of it is empty"));
        }
        let version = version.map(decode).transpose()?;
        let mut pairs = BTreeMap::new();
        for pair in qualifiers.into_iter().flat_map(|text| text.split('&')) {
            let (key, value) = pair.split_once('=').ok_or_else(|| fault("a qualifier has no '='"))?;
            if key.is_empty() || !key.chars().all(|c| plain(c) || c == '_') || value.is_empty() {
                return Err(fault("a qualifier has no key, no value, or a key that is not of a-z 0-9 . - _"));
            }
            if pairs.insert(key.to_owned(), decode(value)?).is_some() {
                return Err(fault("a qualifier stands twice"));
            }
        }
        Ok(Self { kind: kind.to_owned(), path, version, qualifiers: pairs })
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path: Vec<String> = self.path.iter().map(|part| encoded(part, "")).collect();
        write!(f, "pkg:{}/{}", self.kind, path.join("/"))?;
        if let Some(version) = &self.version {
            write!(f, "@{}", encoded(version, ":"))?;
        }
        for (index, (key, value)) in self.qualifiers.iter().enumerate() {
            let before = if index == 0 { '?' } else { '&' };
            write!(f, "{before}{key}={}", encoded(value, ":/"))?;
        }
        Ok(())
    }
}

text_serde!(Purl, "a package URL");

/// Percent-encoding of everything but letters, digits, `.`, `-`, `_`, `~` and `plain`.
fn encoded(text: &str, plain: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || ".-_~".contains(c) || plain.contains(c) {
            encoded.push(c);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn decoded(text: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_~:/%+@".contains(c);
    if !text.chars().all(allowed) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let digits = rest.get(..2)?;
            bytes.extend(hex::decode(digits).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Vendor and product, as the National Vulnerability Database has them: `openssl:openssl`. With a version it is a CPE name
/// (NISTIR 7695, the formatted string binding of CPE 2.3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpe {
    vendor: String,
    product: String,
}

/// Why a text is not a vendor and a product.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a vendor and a product of a CPE name: write them as vendor:product, of a-z 0-9 . _ + -, such as openssl:openssl"
)]
pub struct CpeError(String);

impl Cpe {
    /// The CPE name of a version: `cpe:2.3:a:openssl:openssl:3.5.7:*:*:*:*:*:*:*`
    pub fn of(&self, version: &Version) -> String {
        let [vendor, product, version] =
            [&self.vendor, &self.product, &version.to_string()].map(|part| quoted(part));
        format!("cpe:2.3:a:{vendor}:{product}:{version}:*:*:*:*:*:*:*")
    }
}

/// What is not a letter, a digit, `.`, `-` or `_` stands behind a backslash. CPE names are written small.
fn quoted(text: &str) -> String {
    let one = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { vec![c] } else { vec!['\\', c] };
    text.to_ascii_lowercase().chars().flat_map(one).collect()
}

impl FromStr for Cpe {
    type Err = CpeError;

    fn from_str(text: &str) -> Result<Self, CpeError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._+-".contains(c);
        let good = |part: &str| part.chars().all(plain) && part.chars().any(|c| c.is_ascii_alphanumeric());
        match text.split_once(':') {
            Some((vendor, product)) if good(vendor) && good(product) => {
                Ok(Self { vendor: vendor.to_owned(), product: product.to_owned() })
            }
            _ => Err(CpeError(text.to_owned())),
        }
    }
}

impl fmt::Display for Cpe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.vendor, self.product)
    }
}

text_serde!(Cpe, "a vendor and a product of a CPE name");

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().expect("a version")
    }

    /// Those of the specification, without subpaths.
    #[test]
    fn package_urls_come_back_as_they_were() {
        for text in [
            "pkg:github/madler/zlib@v1.3.2",
            "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie",
            "pkg:npm/%40angular/animation@12.3.1",
            "pkg:docker/customer/dockerimage@sha256%3A244fd47e07d1004f0aed9c?repository_url=gcr.io",
            "pkg:generic/openssl@1.1.10g?checksum=sha256:de4d501267da&download_url=https://openssl.org/source/openssl-1.1.0g.tar.gz",
            "pkg:cargo/nginx-src@1.28.5%2B1.28.3",
            "pkg:pypi/certifi",
        ] {
            let purl: Purl = text.parse().expect("valid");
            // A colon of a version may be written either way.
            assert_eq!(purl.to_string(), text.replace("%3A", ":"));
            assert_eq!(purl.to_string().parse(), Ok(purl));
        }
        let purl = Purl::new("npm", "@a/b", "1+2").with("file_name", "x y");
        assert_eq!(purl.to_string(), "pkg:npm/%40a/b@1%2B2?file_name=x%20y");
        assert_eq!((purl.kind(), purl.path().as_str(), purl.version()), ("npm", "@a/b", Some("1+2")));
        let with = |text: &str| text.parse::<Purl>().expect("valid").or_version(&version("7")).to_string();
        assert_eq!(
            (with("pkg:pypi/certifi"), with("pkg:pypi/x@1")),
            ("pkg:pypi/certifi@7".into(), "pkg:pypi/x@1".into())
        );
    }

    #[test]
    fn what_is_no_package_url_is_refused() {
        for bad in [
            "",
            "zlib",
            "pkg:",
            "pkg:zlib",
            "pkg:/x/y",
            "pkg:GitHub/a/b",
            "pkg:github//b",
            "pkg:github/a/b@",
            "pkg:a/b c",
            "pkg:a/b%2",
            "pkg:a/b%zz",
            "pkg:a/b?x",
            "pkg:a/b?x=1&x=2",
            "pkg:a/b?X=1",
            "pkg:a/b#c",
            "pkg:a/b\u{1}",
        ] {
            assert!(bad.parse::<Purl>().is_err(), "{bad:?} was taken");
        }
        let error = serde_json::from_str::<Purl>("\"zlib\"").expect_err("refused").to_string();
        assert!(error.contains("'zlib' is not a package URL: it does not start with 'pkg:'"), "{error}");
    }

    #[test]
    fn a_cpe_name_is_quoted() {
        let cpe = |text: &str| text.parse::<Cpe>().expect("valid");
        assert_eq!(
            cpe("openssl:openssl").of(&version("3.5.7")),
            "cpe:2.3:a:openssl:openssl:3.5.7:*:*:*:*:*:*:*"
        );
        assert_eq!(
            cpe("gnu:libstdc++").of(&version("1+2")),
            "cpe:2.3:a:gnu:libstdc\\+\\+:1\\+2:*:*:*:*:*:*:*"
        );
        assert_eq!(cpe("a:b").to_string(), "a:b");
        for bad in ["", "openssl", "openssl:", ":x", "a:b:c", "A:b", "a b:c", "*:x", "-:x", "a:*"] {
            assert!(bad.parse::<Cpe>().is_err(), "{bad:?} was taken");
        }
    }
}
