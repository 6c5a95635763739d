//! Registries of AWS, by their names; and where AWS's interfaces are for each.

/// A registry of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwsRegistry {
    /// An account's own: `<account>.dkr.ecr[-fips].<region>.amazonaws.com[.cn]`, or by both protocols of the internet
    /// `<account>.dkr-ecr[-fips].<region>.on.aws`.
    Private {
        /// Twelve digits.
        account: String,
        /// Such as `eu-west-1`.
        region: String,
        /// What the interfaces' names end with, such as `amazonaws.com`.
        suffix: &'static str,
        /// Whether its cryptography is that of FIPS 140.
        is_fips: bool,
    },
    /// `public.ecr.aws`.
    Public,
}

/// Ends of a registry's name, and those of the interfaces' names beside it.
const SUFFIXES: [(&str, &str, &str); 5] = [
    ("dkr.ecr", "amazonaws.com", "amazonaws.com"),
    ("dkr.ecr", "amazonaws.com.cn", "amazonaws.com.cn"),
    ("dkr.ecr", "amazonaws.eu", "amazonaws.eu"),
    ("dkr-ecr", "on.aws", "api.aws"),
    ("dkr-ecr", "on.amazonwebservices.com.cn", "api.amazonwebservices.com.cn"),
];
const PUBLIC: &str = "public.ecr.aws";
/// The one region of the public registry.
const PUBLIC_REGION: &str = "us-east-1";

impl AwsRegistry {
    /// The registry that a host's name is that of; none where it is no registry of AWS.
    pub fn of_host(host: &str) -> Option<Self> {
        let host = host.strip_suffix(":443").unwrap_or(host);
        if host == PUBLIC {
            return Some(Self::Public);
        }
        let (account, rest) = host.split_once('.')?;
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        SUFFIXES.iter().find_map(|(kind, end, suffix)| {
            let middle = rest.strip_suffix(end)?.strip_suffix('.')?.strip_prefix(kind)?;
            let is_fips = middle.starts_with("-fips.");
            let region = middle.strip_prefix(if is_fips { "-fips." } else { "." })?;
            let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            let is_region = region.contains('-') && region.bytes().all(good);
            (is_account && is_region).then(|| Self::Private {
                account: account.to_owned(),
                region: region.to_owned(),
                suffix,
                is_fips,
            })
        })
    }

    /// The region that requests are signed for.
    pub fn region(&self) -> &str {
        match self {
            Self::Private { region, .. } => region,
            Self::Public => PUBLIC_REGION,
        }
    }

    /// Where the registry's own interface is.
    pub(super) fn api(&self) -> String {
        match self {
            Self::Private { region, suffix, is_fips, .. } => {
                let name = match (is_fips, suffix.starts_with("api.")) {
                    (true, _) => "ecr-fips",
                    (false, true) => "ecr",
                    (false, false) => "api.ecr",
                };
                format!("https://{name}.{region}.{suffix}")
            }
            Self::Public => format!("https://api.ecr-public.{PUBLIC_REGION}.amazonaws.com"),
        }
    }

    /// Where roles are taken on.
    pub(super) fn sts(&self) -> String {
        match self {
            Self::Private { region, suffix, is_fips, .. } => {
                // Those for the government are of that kind under their usual names.
                let is_named = *is_fips && !region.starts_with("us-gov-");
                format!("https://sts{}.{region}.{suffix}", if is_named { "-fips" } else { "" })
            }
            Self::Public => format!("https://sts.{PUBLIC_REGION}.amazonaws.com"),
        }
    }

    /// For whom a token of an identity provider must be made.
    pub(super) fn audience(&self) -> &'static str {
        match self {
            Self::Private { suffix, .. } if suffix.ends_with(".cn") => "sts.amazonaws.com.cn",
            _ => "sts.amazonaws.com",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The addresses are those that AWS's own rules of endpoints give (botocore 1.44.8).
    #[test]
    fn a_registry_is_known_by_its_name_and_leads_to_its_interfaces() {
        for (host, region, api, sts) in [
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                "eu-west-1",
                "api.ecr.eu-west-1.amazonaws.com",
                "sts.eu-west-1.amazonaws.com",
            ),
            (
                "123456789012.dkr.ecr.us-east-1.amazonaws.com:443",
                "us-east-1",
                "api.ecr.us-east-1.amazonaws.com",
                "sts.us-east-1.amazonaws.com",
            ),
            (
                "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
                "us-east-1",
                "ecr-fips.us-east-1.amazonaws.com",
                "sts-fips.us-east-1.amazonaws.com",
            ),
            (
                "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
                "us-gov-west-1",
                "ecr-fips.us-gov-west-1.amazonaws.com",
                "sts.us-gov-west-1.amazonaws.com",
            ),
            (
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
                "cn-north-1",
                "api.ecr.cn-north-1.amazonaws.com.cn",
                "sts.cn-north-1.amazonaws.com.cn",
            ),
            (
                "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
                "eusc-de-east-1",
                "api.ecr.eusc-de-east-1.amazonaws.eu",
                "sts.eusc-de-east-1.amazonaws.eu",
            ),
            (
                "123456789012.dkr-ecr.eu-west-1.on.aws",
                "eu-west-1",
                "ecr.eu-west-1.api.aws",
                "sts.eu-west-1.api.aws",
            ),
            (
                "123456789012.dkr-ecr-fips.us-east-1.on.aws",
                "us-east-1",
                "ecr-fips.us-east-1.api.aws",
                "sts-fips.us-east-1.api.aws",
            ),
            (
                "public.ecr.aws",
                "us-east-1",
                "api.ecr-public.us-east-1.amazonaws.com",
                "sts.us-east-1.amazonaws.com",
            ),
        ] {
            let registry = AwsRegistry::of_host(host).unwrap_or_else(|| panic!("{host} is not known"));
            assert_eq!(registry.region(), region, "{host}");
            assert_eq!(registry.api(), format!("https://{api}"), "{host}");
            assert_eq!(registry.sts(), format!("https://{sts}"), "{host}");
            let is_chinese = host.ends_with(".cn");
            assert_eq!(registry.audience().ends_with(".cn"), is_chinese, "{host}");
        }
    }

    /// Nobody else gets a login of AWS by a name that looks like one.
    #[test]
    fn other_names_are_no_registries_of_aws() {
        for host in [
            "",
            "docker.io",
            "ecr.aws",
            "evil-public.ecr.aws",
            "public.ecr.aws.example",
            "public.ecr.aws:5000",
            "12345678901.dkr.ecr.eu-west-1.amazonaws.com",
            "12345678901x.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.amazonaws.com",
            "123456789012.dkr.ecr..amazonaws.com",
            "123456789012.dkr.ecr.eu.west.1.amazonaws.com",
            "123456789012.dkr.ecr.evil.example/.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.example",
            "123456789012.dkr.ecr.eu-west-1.example-amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com:5000",
            "x.123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.s3.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.EU-WEST-1.amazonaws.com",
            "123456789012.dkr-ecr.eu-west-1.amazonaws.com",
        ] {
            assert_eq!(AwsRegistry::of_host(host), None, "{host} was taken");
        }
    }
}
