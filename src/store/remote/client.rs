//! Requests, by the crate `object_store` on a runtime of the process.

use super::services::{self, FIRST_PAUSE, LONGEST_PAUSE, Service};
use super::{AT_ONCE, Done, Got, Listing, Objects, Outcome, Place, Want};
use crate::error::{Error, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path as Key;
use object_store::{Error as Failure, GetOptions, GetRange, GetResult, ObjectStoreExt, PutPayload};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

/// Threads that wait for sockets.
const THREADS: usize = 2;
/// Objects that are deleted together, by as few requests as the service knows, and how many of these are under way.
const DELETED: usize = 256;
const DELETES: usize = 4;
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
    service: Service,
    lane: Arc<Semaphore>,
    runtime: &'static Runtime,
}

impl Client {
    fn new(network: &'static Network, url: &str) -> object_store::Result<Self> {
        let service = services::of(&network.runtime, url)?;
        let lane = Arc::new(Semaphore::new(AT_ONCE));
        Ok(Self { url: url.to_owned(), service, lane, runtime: &network.runtime })
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
        // Azure calls it a conflict where an account lets nobody in who is not known.
        let refused = |failure: &Failure| {
            use Failure::{AlreadyExists, PermissionDenied, Unauthenticated};
            matches!(failure, Unauthenticated { .. } | PermissionDenied { .. } | AlreadyExists { .. })
        };
        if let Some(variables) = self.service.anonymous.filter(|_| refused(failure)) {
            why = format!("{why}; {}", unsigned(variables));
        }
        let error = Error::store(if key.is_empty() { self.url.clone() } else { format!("{}/{key}", self.url) }, why);
        if refused(failure) { error.refused() } else { error }
    }

    /// Makes a request, and again for a while where the answer broke off: the store makes requests again that failed,
    /// and goes on with the bodies of objects that have tags, but not with others, such as those of errors.
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
            Err(failure) if lacks_bucket(&failure) => Err(self.fault(key, &failure)),
            Err(Failure::NotFound { .. }) => Ok(None),
            Err(failure) => Err(self.fault(key, &failure)),
        }
    }

    async fn once(&self, key: &str, want: Want) -> object_store::Result<Got> {
        let key = self.key(key)?;
        let range = match want {
            Want::AtMost(_) => None,
            Want::Range(from, to) => Some(GetRange::Bounded(from..to)),
            Want::Last(n) if !self.service.is_azure => Some(GetRange::Suffix(n)),
            Want::Last(n) => {
                let total = self.service.store.head(&key).await?.size;
                Some(GetRange::Bounded(total.saturating_sub(n)..total))
            }
        };
        let answer = self.service.store.get_opts(&key, GetOptions { range, ..GetOptions::default() }).await?;
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

    async fn listed(&self, folder: &str, all: bool) -> object_store::Result<Listing> {
        let prefix = Some(self.key(folder)?).filter(|key| !key.as_ref().is_empty());
        let mut out = Listing::default();
        let objects = if all {
            self.service.store.list(prefix.as_ref()).try_collect::<Vec<_>>().await?
        } else {
            let found = self.service.store.list_with_delimiter(prefix.as_ref()).await?;
            let last = |key: &Key| key.filename().map(str::to_owned);
            out.folders = found.common_prefixes.iter().filter_map(last).collect();
            out.folders.sort_unstable();
            found.objects
        };
        out.objects = objects.into_iter().map(|o| (o.location.as_ref().to_owned(), o.size)).collect();
        Ok(out)
    }

    /// Deletes objects, of which some may be gone.
    async fn deleted(&self, keys: &[String]) -> object_store::Result<()> {
        let keys: Vec<object_store::Result<Key>> = keys.iter().map(|key| self.key(key)).collect();
        let mut outcomes = self.service.store.delete_stream(stream::iter(keys).boxed());
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(_) | Err(Failure::NotFound { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }
}

fn unsigned(variables: &str) -> String {
    format!("it was asked without credentials, since the environment has none for it ({variables} and their like)")
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
        Failure::Generic { source, .. }
        | Failure::NotFound { source, .. }
        | Failure::AlreadyExists { source, .. }
        | Failure::PermissionDenied { source, .. }
        | Failure::Unauthenticated { source, .. } => readable(&chain(source.as_ref())),
        other => chain(other),
    }
}

/// A text in which what a service answers, in XML, is its code and its sentences.
fn readable(text: &str) -> String {
    let starts = ["<?xml", "<Error"].into_iter().filter_map(|start| text.find(start));
    let (Some(start), Some(end)) = (starts.min(), text.find("</Error>")) else { return text.to_owned() };
    let said = |name: &str| {
        let (_, rest) = text.get(start..end)?.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once(&format!("</{name}>"))?;
        // Azure numbers its requests.
        Some(value.split(" RequestId:").next().unwrap_or(value).trim())
    };
    let Some(code) = said("Code") else { return text.to_owned() };
    let sentences: Vec<&str> = ["Message", "Details"].into_iter().filter_map(said).collect();
    let tail = &text[end + "</Error>".len()..];
    format!("{}{code}: {}{tail}", &text[..start], sentences.join(" "))
}

/// Whether an object is not there because there is nothing to hold it.
fn lacks_bucket(failure: &Failure) -> bool {
    let Failure::NotFound { source, .. } = failure else { return false };
    let text = source.to_string();
    ["NoSuchBucket", "ContainerNotFound"].iter().any(|code| text.contains(code))
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
    fn caveat(&self) -> Option<String> {
        self.service.anonymous.filter(|_| self.service.is_azure).map(unsigned)
    }

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
            let put =
                client.ask(async || client.service.store.put(&client.key(&key)?, data.clone()).await.map(drop)).await;
            drop(permit);
            done(put.map_err(|failure| client.fault(&key, &failure)));
        });
    }

    fn list(&self, folders: &[String], all: bool) -> Vec<Result<Listing>> {
        let one = async |folder: &String| {
            let listed = self.ask(|| self.listed(folder, all)).await;
            listed.map_err(|failure| self.fault(folder, &failure).at("listing what is there"))
        };
        self.runtime.block_on(stream::iter(folders).map(one).buffered(AT_ONCE).collect())
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        let part = |keys: &[String]| {
            let (client, keys) = (self.clone(), keys.to_vec());
            async move {
                let deleted = client.ask(|| client.deleted(&keys)).await;
                deleted.map_err(|failure| client.fault(&keys[0], &failure))
            }
        };
        let all = stream::iter(keys.chunks(DELETED).map(part)).buffer_unordered(DELETES).try_collect::<Vec<()>>();
        self.runtime.block_on(all).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn answers_in_xml_are_read() {
        let google = "Error performing GET http://h/b/k - 403 Forbidden: <?xml version='1.0' encoding='UTF-8'?><Error>\
            <Code>AccessDenied</Code><Message>Access denied.</Message><Details>Nobody may.</Details></Error>";
        assert_eq!(
            readable(google),
            "Error performing GET http://h/b/k - 403 Forbidden: AccessDenied: Access denied. Nobody may."
        );
        let azure = "404 Not Found: <?xml version=\"1.0\"?> <Error> <Code>BlobNotFound</Code> \
            <Message>The specified blob does not exist. RequestId:1 Time:2</Message> </Error>, twice";
        assert_eq!(readable(azure), "404 Not Found: BlobNotFound: The specified blob does not exist., twice");
        for other in ["", "</Error><Error>", "<Error><Code>x</Error>", "<Error></Error>", "{\"error\": 1}"] {
            assert_eq!(readable(other), other);
        }
    }
}
