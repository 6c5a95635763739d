//! The Docker API: whether a daemon answers, whether it has an image, and loading one.
//!
//! Everything asynchronous stays in here: a small runtime of one thread belongs to each [`Docker`].

pub mod endpoint;
mod error;
mod load;
mod save;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use bollard::errors::Error as Bollard;
use bollard::{API_DEFAULT_VERSION, ClientVersion};
use medic_archive::Compression;
use tokio::runtime::{Builder, Runtime};

use crate::assemble::Image;
use crate::progress::Reporter;

pub use endpoint::{Endpoint, Surroundings};
pub use error::DockerError;

/// The oldest API that is spoken: that of Docker 20.10.
const OLDEST: ClientVersion = ClientVersion { major_version: 1, minor_version: 41 };
/// The API of Docker 23, the first that reads layers compressed with zstd.
const ZSTD: ClientVersion = ClientVersion { major_version: 1, minor_version: 42 };
/// How long a daemon may take to say which version it is.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long any other answer may take: a daemon unpacks a large image before it answers.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// A Docker daemon that answers.
pub struct Docker {
    runtime: Runtime,
    client: bollard::Docker,
    host: String,
}

impl fmt::Debug for Docker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Docker").field("host", &self.host).finish_non_exhaustive()
    }
}

/// What came of looking for a daemon.
#[derive(Debug)]
pub enum Connection {
    /// It answers.
    Ready(Docker),
    /// It does not, which is no error: there are other ways to use an image.
    Absent(Absent),
}

/// A daemon that does not answer; shown as one line without an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// Where it was looked for.
    pub host: String,
    /// Why it does not answer, in words.
    pub why: String,
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no Docker daemon answers at {} ({})", self.host, self.why)
    }
}

impl Docker {
    /// Looks for the daemon at `host` (`unix:///PATH` or `tcp://HOST:PORT`), else at its usual socket.
    ///
    /// # Errors
    /// As [`Self::connect_to`].
    pub fn connect(host: Option<&str>) -> Result<Connection, DockerError> {
        Self::connect_to(&Endpoint::at(host.unwrap_or(endpoint::DEFAULT_HOST), "as given"))
    }

    /// Looks for the daemon.
    ///
    /// # Errors
    /// [`DockerError::Address`], [`DockerError::Context`], [`DockerError::TooOld`], [`DockerError::Runtime`]. That no daemon answers
    /// is not an error.
    pub fn connect_to(endpoint: &Endpoint) -> Result<Connection, DockerError> {
        let host = endpoint.host.clone();
        let absent = |why: String| Ok(Connection::Absent(Absent { host: host.clone(), why }));
        endpoint.check()?;
        if let Some(why) = socket_fault(&host) {
            return absent(why);
        }
        let client = match client(endpoint) {
            Ok(client) => client.with_timeout(CONNECT_TIMEOUT),
            Err(Bollard::SocketNotFoundError(_)) => return absent("there is no such socket".to_owned()),
            Err(error) => return absent(error::chain(&error)),
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(DockerError::Runtime)?;
        let client = match runtime.block_on(client.negotiate_version()) {
            Ok(client) => client.with_timeout(TIMEOUT),
            Err(Bollard::RequestTimeoutError) => return absent("it does not answer within 10 s".to_owned()),
            Err(error) => return absent(error::chain(&error)),
        };
        let version = client.client_version();
        if version < OLDEST {
            return Err(DockerError::TooOld { host, found: version.to_string() });
        }
        Ok(Connection::Ready(Self { runtime, client, host }))
    }

    /// The daemon's address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the daemon has just this image under this tag.
    ///
    /// # Errors
    /// [`DockerError::Lost`], [`DockerError::Refused`].
    pub fn has_image(&self, tag: &str, image: &Image) -> Result<bool, DockerError> {
        Ok(self.runtime.block_on(self.image_id(tag))?.is_some_and(|id| is_of(&id, image)))
    }

    /// Gives the daemon the image of `archive` (as [`Image::write_archive`] makes it) under all its tags, unless it has it. Says
    /// whether anything was sent.
    ///
    /// # Errors
    /// [`DockerError`]; the daemon itself keeps what is not whole from having a tag.
    pub fn provide(
        &self,
        image: &Image,
        archive: &Path,
        reporter: &dyn Reporter,
    ) -> Result<bool, DockerError> {
        let tags = image.tags();
        let mut missing = false;
        for tag in &tags {
            missing |= !self.has_image(tag, image)?;
        }
        if !missing {
            return Ok(false);
        }
        if image.compression == Compression::Zstd && self.client.client_version() < ZSTD && !self.is_podman()
        {
            return Err(DockerError::Zstd { host: self.host.clone() });
        }
        self.load(archive, &tags, reporter)?;
        match self.has_image(&tags[0], image)? {
            true => Ok(true),
            false => Err(DockerError::NotLoaded { host: self.host.clone(), tag: tags[0].clone() }),
        }
    }

    /// Whether it is Podman, which says that it is a Docker older than it can do. One that does not say what it is is none.
    fn is_podman(&self) -> bool {
        let version = self.runtime.block_on(self.client.version());
        let components = version.ok().and_then(|version| version.components).unwrap_or_default();
        components.iter().any(|component| component.name.starts_with("Podman"))
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(crate) fn client(&self) -> &bollard::Docker {
        &self.client
    }

    pub(crate) fn error(&self, doing: &str) -> impl Fn(Bollard) -> DockerError {
        move |error| DockerError::new(&self.host, doing, error)
    }

    async fn image_id(&self, tag: &str) -> Result<Option<String>, DockerError> {
        match self.client.inspect_image(tag).await {
            Ok(found) => Ok(found.id),
            Err(Bollard::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(DockerError::new(&self.host, &format!("asked for the image '{tag}'"), error)),
        }
    }
}

/// An image's id is its configuration's digest; with containerd's image store it is the manifest's.
fn is_of(id: &str, image: &Image) -> bool {
    id == image.config.digest.oci() || id == image.manifest.digest.oci()
}

fn client(endpoint: &Endpoint) -> Result<bollard::Docker, Bollard> {
    let (host, seconds) = (&endpoint.host, CONNECT_TIMEOUT.as_secs());
    if host.starts_with("unix://") {
        return bollard::Docker::connect_with_unix(host, seconds, API_DEFAULT_VERSION);
    }
    match &endpoint.tls {
        None => bollard::Docker::connect_with_http(host, seconds, API_DEFAULT_VERSION),
        Some(folder) => bollard::Docker::connect_with_ssl(
            host,
            &folder.join(endpoint::KEY),
            &folder.join(endpoint::CERTIFICATE),
            &folder.join(endpoint::AUTHORITY),
            seconds,
            API_DEFAULT_VERSION,
        ),
    }
}

/// Why a socket in the file system cannot be connected to, in words that help; none when it can, or is elsewhere.
fn socket_fault(host: &str) -> Option<String> {
    let path = host.strip_prefix("unix://")?;
    let error = std::os::unix::net::UnixStream::connect(path).err()?;
    Some(match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such socket".to_owned(),
        std::io::ErrorKind::ConnectionRefused => "the socket is there, but nobody listens".to_owned(),
        std::io::ErrorKind::PermissionDenied => {
            "permission denied: be root or in the socket's group, usually 'docker'".to_owned()
        }
        _ => error.to_string(),
    })
}
