//! Requests, by the crate `object_store` on a runtime of the process.

use super::{AT_ONCE, Done, Got, Listing, Objects, Outcome, Place, Want};
use crate::error::{Error, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3Builder, resolve_bucket_region};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ClientOptions, Error as Failure, GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt,
    PutPayload, RetryConfig,
};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

/// Threads that wait for sockets.
const THREADS: usize = 2;
/// Requests to delete under way.
const DELETES: usize = 16;
/// How long a connection may take to come about, and an answer to go on.
const CONNECT: Duration = Duration::from_secs(10);
const STALLED: Duration = Duration::from_secs(30);
/// How often a request is made again, and for how long.
const RETRIES: usize = 6;
const RETRYING: Duration = Duration::from_mins(1);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// How long what broke off is asked for again.
const ASKING: Duration = Duration::from_secs(5);

/// What the process shares: threads, and connections by place.
struct Network {
    runtime: Runtime,
    places: Mutex<BTreeMap<String, Arc<Place>>>,
}

/// The one network there is; see `remote.rs` for why it belongs to no context.
fn network() -> Result<&'static Network> {
    static NETWORK: OnceLock<Network> = OnceLock::new();
    if let Some(network) = NETWORK.get() {
        return Ok(network);
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(THREADS).thread_name("hyperslab-net").enable_all().build();
    let runtime = runtime.map_err(|e| Error::unsupported(format!("threads for requests cannot be started: {e}")))?;
    Ok(NETWORK.get_or_init(|| Network { runtime, places: Mutex::default() }))
}

/// The place at `url`.
pub(super) fn connect(path: &Path, url: &str) -> Result<Arc<Place>> {
    let network = network()?;
    if let Some(place) = network.places.lock().get(url) {
        return Ok(Arc::clone(place));
    }
    let client = Client::new(network, url).map_err(|e| Error::store(path, text_of(&e)))?;
    Ok(Arc::clone(network.places.lock().entry(url.to_owned()).or_insert_with(|| Place::new(url, Box::new(client)))))
}

/// A bucket or host.
#[derive(Debug, Clone)]
struct Client {
    url: String,
    store: Arc<dyn ObjectStore>,
    lane: Arc<Semaphore>,
    /// Whether the requests are sent without credentials because there are none.
    anonymous: bool,
    runtime: &'static Runtime,
}

fn options(http: bool) -> ClientOptions {
    let options = ClientOptions::new().with_connect_timeout(CONNECT).with_read_timeout(STALLED);
    options.with_timeout_disabled().with_allow_http(http)
}

fn retry() -> RetryConfig {
    let backoff = BackoffConfig { init_backoff: FIRST_PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRYING }
}

fn set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

impl Client {
    fn new(network: &'static Network, url: &str) -> object_store::Result<Self> {
        let (scheme, host) = url.split_once("://").unwrap_or((url, ""));
        let (store, anonymous): (Arc<dyn ObjectStore>, bool) = match scheme {
            "s3" | "s3a" => s3(network, host)?,
            "gs" => gs(host)?,
            "http" | "https" => {
                let builder = HttpBuilder::new().with_url(format!("{url}/"));
                (Arc::new(builder.with_client_options(options(true)).with_retry(retry()).build()?), false)
            }
            _ => azure(url)?,
        };
        let lane = Arc::new(Semaphore::new(AT_ONCE));
        Ok(Self { url: url.to_owned(), store, lane, anonymous, runtime: &network.runtime })
    }

    fn key(&self, key: &str) -> object_store::Result<Key> {
        let parsed = if self.url.starts_with("http") { Key::from_url_path(key) } else { Key::parse(key) };
        Ok(parsed?)
    }

    /// An error that names the object.
    fn fault(&self, key: &str, failure: &Failure) -> Error {
        let mut why = text_of(failure);
        if ["non-partial response", "Range request not supported"].iter().any(|text| why.contains(text)) {
            why = format!("the server sends only whole files, and this one is read in parts: {why}");
        }
        if why.contains("416 Range Not Satisfiable") {
            why = format!("is empty, or shorter than what is read of it: {why}");
        }
        if self.anonymous && matches!(failure, Failure::Unauthenticated { .. } | Failure::PermissionDenied { .. }) {
            why.push_str("; it was sent without credentials, since the environment has none (AWS_ACCESS_KEY_ID, ");
            why.push_str("GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_KEY and their like)");
        }
        Error::store(if key.is_empty() { self.url.clone() } else { format!("{}/{key}", self.url) }, why)
    }

    /// Makes a request, and again for a while where the answer broke off: the store makes requests again that failed, and
    /// goes on with the bodies of objects that have tags, but not with others, such as those of errors.
    async fn ask<T, F: Future<Output = object_store::Result<T>>>(
        &self,
        request: impl Fn() -> F,
    ) -> object_store::Result<T> {
        let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            match request().await {
                Err(failure) if broke_off(&failure) && began.elapsed() < ASKING => {
                    tracing::debug!(%failure, "made again");
                }
                done => return done,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Bytes of an object.
    async fn get(&self, key: &str, want: Want) -> Outcome {
        match self.ask(|| self.once(key, want)).await {
            Ok(got) => Ok(Some(got)),
            Err(Failure::NotFound { .. }) => Ok(None),
            Err(failure) => Err(self.fault(key, &failure)),
        }
    }

    async fn once(&self, key: &str, want: Want) -> object_store::Result<Got> {
        let key = self.key(key)?;
        let range = match want {
            Want::AtMost(_) => None,
            Want::Range(from, to) => Some(GetRange::Bounded(from..to)),
            Want::Last(n) if self.has_suffixes() => Some(GetRange::Suffix(n)),
            Want::Last(n) => {
                let total = self.store.head(&key).await?.size;
                Some(GetRange::Bounded(total.saturating_sub(n)..total))
            }
        };
        let answer = self.store.get_opts(&key, GetOptions { range, ..GetOptions::default() }).await?;
        let (start, expected, total) = (answer.range.start, answer.range.end - answer.range.start, answer.meta.size);
        let tag = answer.meta.e_tag.clone().unwrap_or_else(|| answer.meta.last_modified.to_string());
        if let Want::AtMost(most) = want
            && total > most
        {
            let why = format!("holds {total} bytes, more than the {most} that it may have");
            return Err(Failure::NotSupported { source: why.into() });
        }
        let body = body(answer).await?;
        if body.len() as u64 != expected {
            return Err(short(format!("the answer holds {} bytes instead of {expected}", body.len())));
        }
        Ok(Got { bytes: body, start, total, tag })
    }

    /// Whether the last bytes of an object can be asked for by their number.
    fn has_suffixes(&self) -> bool {
        ["s3", "gs", "http"].iter().any(|scheme| self.url.starts_with(scheme))
    }

    async fn listed(&self, folder: &str, all: bool) -> object_store::Result<Listing> {
        let prefix = Some(self.key(folder)?).filter(|key| !key.as_ref().is_empty());
        let mut out = Listing::default();
        let objects = if all {
            self.store.list(prefix.as_ref()).try_collect::<Vec<_>>().await?
        } else {
            let found = self.store.list_with_delimiter(prefix.as_ref()).await?;
            let last = |key: &Key| key.filename().map(str::to_owned);
            out.folders = found.common_prefixes.iter().filter_map(last).collect();
            out.folders.sort_unstable();
            found.objects
        };
        out.objects = objects.into_iter().map(|o| (o.location.as_ref().to_owned(), o.size)).collect();
        Ok(out)
    }
}

async fn body(answer: GetResult) -> object_store::Result<Vec<u8>> {
    answer.bytes().await.map(Into::into)
}

/// Why a body is not what it should be.
#[derive(Debug)]
struct Short(String);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Short {}

fn short(why: String) -> Failure {
    Failure::Generic { store: "HTTP", source: Box::new(Short(why)) }
}

/// Whether an answer did not come to its end.
fn broke_off(failure: &Failure) -> bool {
    let Failure::Generic { source, .. } = failure else { return false };
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(source.as_ref());
    while let Some(cause) = next {
        if cause.is::<Short>() {
            return true;
        }
        if let Some(http) = cause.downcast_ref::<HttpError>() {
            return !matches!(http.kind(), HttpErrorKind::Connect | HttpErrorKind::Timeout);
        }
        next = cause.source();
    }
    false
}

/// What a failure says, with its causes, without the layers of names.
fn text_of(failure: &Failure) -> String {
    match failure {
        Failure::Generic { source, .. } => chain(source.as_ref()),
        other => chain(other),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let (mut text, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        let why = cause.to_string();
        if !text.contains(&why) {
            text = format!("{text}: {why}");
        }
        next = cause.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Objects for Client {
    fn begin(&self, key: &str, want: Want, done: Done<Outcome>) {
        let (client, key) = (self.clone(), key.to_owned());
        self.runtime.spawn(async move {
            let permit = client.lane.acquire().await;
            let outcome = client.get(&key, want).await;
            drop(permit);
            done(outcome);
        });
    }

    fn put(&self, key: &str, data: Vec<u8>, done: Done<Result<()>>) {
        let (client, key) = (self.clone(), key.to_owned());
        self.runtime.spawn(async move {
            let permit = client.lane.acquire().await;
            let data = PutPayload::from(data);
            let put = client.ask(async || client.store.put(&client.key(&key)?, data.clone()).await.map(drop)).await;
            drop(permit);
            done(put.map_err(|failure| client.fault(&key, &failure)));
        });
    }

    fn list(&self, folder: &str, all: bool) -> Result<Listing> {
        let listed = self.runtime.block_on(self.ask(|| self.listed(folder, all)));
        listed.map_err(|failure| self.fault(folder, &failure).at("listing what is there"))
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        let one = |key: &String| {
            let (client, key) = (self.clone(), key.clone());
            async move {
                let deleted = client.ask(async || client.store.delete(&client.key(&key)?).await).await;
                match deleted {
                    Err(failure) if !matches!(failure, Failure::NotFound { .. }) => Err(client.fault(&key, &failure)),
                    _ => Ok(()),
                }
            }
        };
        let all = stream::iter(keys.iter().map(one)).buffer_unordered(DELETES).try_collect::<Vec<()>>();
        self.runtime.block_on(all).map(drop)
    }
}

/// Variables that say who asks; without any of them, nobody does, and requests are not signed.
const AWS: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_METADATA_ENDPOINT",
];
const GOOGLE: [&str; 5] = [
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "SERVICE_ACCOUNT",
];
const AZURE: [&str; 10] = [
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_MASTER_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_TOKEN",
    "AZURE_CLIENT_ID",
    "AZURE_STORAGE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_USE_AZURE_CLI",
];

/// Whether nothing says who asks. `..._SKIP_SIGNATURE=false` asks the machine on which this runs.
fn nobody(variables: &[&str], skip: &str) -> bool {
    !set(skip) && !variables.iter().any(|name| set(name))
}

fn s3(network: &'static Network, bucket: &str) -> object_store::Result<(Arc<dyn ObjectStore>, bool)> {
    let endpoints = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    let plain = endpoints.iter().any(|name| std::env::var(name).is_ok_and(|url| url.starts_with("http://")));
    let options = options(plain || std::env::var("AWS_ALLOW_HTTP").is_ok_and(|yes| yes == "true"));
    let anonymous = nobody(&AWS, "AWS_SKIP_SIGNATURE");
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry());
    if anonymous {
        builder = builder.with_skip_signature(true);
    }
    let regions = ["AWS_REGION", "AWS_DEFAULT_REGION"];
    if ![&endpoints[..], &regions[..]].concat().iter().any(|name| set(name)) {
        // A bucket knows where it is; where it does not say, the first request tells what is wrong.
        if let Ok(region) = network.runtime.block_on(resolve_bucket_region(bucket, &options)) {
            builder = builder.with_region(region);
        }
    }
    Ok((Arc::new(builder.with_client_options(options).build()?), anonymous))
}

fn gs(bucket: &str) -> object_store::Result<(Arc<dyn ObjectStore>, bool)> {
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".config/gcloud"));
    let default = home.is_some_and(|folder| folder.join("application_default_credentials.json").is_file());
    let anonymous = nobody(&GOOGLE, "GOOGLE_SKIP_SIGNATURE") && !default;
    let plain = std::env::var("GOOGLE_BASE_URL").is_ok_and(|url| url.starts_with("http://"));
    let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retry());
    let builder = builder.with_client_options(options(plain));
    let builder = if anonymous { builder.with_skip_signature(true) } else { builder };
    Ok((Arc::new(builder.build()?), anonymous))
}

fn azure(url: &str) -> object_store::Result<(Arc<dyn ObjectStore>, bool)> {
    let anonymous = nobody(&AZURE, "AZURE_SKIP_SIGNATURE");
    let endpoints = ["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"];
    let plain = endpoints.iter().any(|name| std::env::var(name).is_ok_and(|url| url.starts_with("http://")))
        || set("AZURE_STORAGE_USE_EMULATOR");
    let builder = MicrosoftAzureBuilder::from_env().with_url(url).with_retry(retry());
    let builder = builder.with_client_options(options(plain));
    let builder = if anonymous { builder.with_skip_signature(true) } else { builder };
    Ok((Arc::new(builder.build()?), anonymous))
}
