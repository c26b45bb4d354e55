//! Which service a URL names, where it is, and who asks: by the variables that the tools of each service read.
//!
//! The crate `object_store` reads most of them. Added here is what other tools read and it does not: the emulator of
//! Google's client libraries, connection strings and the variables of Azure's command line, and accounts of other
//! clouds in URLs.

use object_store::aws::{AmazonS3Builder, resolve_bucket_region};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::{BackoffConfig, ClientOptions, Error as Failure, ObjectStore, Result, RetryConfig};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long a connection may take to come about, and an answer to go on.
const CONNECT: Duration = Duration::from_secs(10);
const STALLED: Duration = Duration::from_secs(30);
/// How often a request is made again, and for how long.
const RETRIES: usize = 6;
const RETRYING: Duration = Duration::from_mins(1);
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// What is asked for objects.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) store: Arc<dyn ObjectStore>,
    /// The variables of which one would say who asks, where none does and requests are not signed.
    pub(super) anonymous: Option<&'static str>,
    /// Whether it is Azure. That gives no last bytes of an object by their number, and to who may not see an object
    /// says that there is none.
    pub(super) is_azure: bool,
}

/// The service at the URL of a bucket or host.
pub(super) fn of(runtime: &Runtime, url: &str) -> Result<Service> {
    let (scheme, host) = url.split_once("://").unwrap_or((url, ""));
    let (store, anonymous) = match scheme {
        "s3" | "s3a" => s3(runtime, host)?,
        "gs" | "gcs" => google(host)?,
        "http" | "https" => http(url)?,
        _ => {
            let (store, anonymous) = azure(url)?;
            return Ok(Service { store, anonymous, is_azure: true });
        }
    };
    Ok(Service { store, anonymous, is_azure: false })
}

fn options(http: bool) -> ClientOptions {
    let options = ClientOptions::new().with_connect_timeout(CONNECT).with_read_timeout(STALLED);
    options.with_timeout_disabled().with_allow_http(http)
}

fn retry() -> RetryConfig {
    let backoff = BackoffConfig { init_backoff: FIRST_PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRYING }
}

/// Variables that say who asks; without any of them, nobody does, and requests are not signed.
const AWS: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_METADATA_ENDPOINT",
];
const GOOGLE: [&str; 6] = [
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_BEARER_TOKEN",
    "SERVICE_ACCOUNT",
];
const AZURE_KEYS: [&str; 4] =
    ["AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_MASTER_KEY", "AZURE_STORAGE_KEY"];
const AZURE_TOKENS: [&str; 2] = ["AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY"];
const AZURE_IDENTITIES: [&str; 5] = [
    "AZURE_STORAGE_TOKEN",
    "AZURE_CLIENT_ID",
    "AZURE_STORAGE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_USE_AZURE_CLI",
];
/// The domain of all accounts but those of countries' own clouds.
const AZURE_DOMAIN: &str = "core.windows.net";

/// The text of a variable that is set.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The first of several variables that is set.
fn first(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| variable(name))
}

/// Whether a variable says yes.
fn says_yes(name: &str) -> bool {
    variable(name).is_some_and(|value| ["1", "true", "on", "yes", "y"].contains(&value.to_ascii_lowercase().as_str()))
}

/// Whether nothing says who asks. `..._SKIP_SIGNATURE=false` asks the machine on which this runs.
fn nobody(variables: &[&str], skip: &str) -> bool {
    variable(skip).is_none() && first(variables).is_none()
}

/// Whether a service is spoken to without TLS.
fn plain(endpoint: Option<&str>, allowed: &str) -> bool {
    endpoint.is_some_and(|url| url.starts_with("http://")) || says_yes(allowed)
}

fn fault(why: String) -> Failure {
    Failure::Generic { store: "", source: why.into() }
}

type Made = (Arc<dyn ObjectStore>, Option<&'static str>);

fn http(url: &str) -> Result<Made> {
    let builder = HttpBuilder::new().with_url(format!("{url}/"));
    Ok((Arc::new(builder.with_client_options(options(true)).with_retry(retry()).build()?), None))
}

fn s3(runtime: &Runtime, bucket: &str) -> Result<Made> {
    let endpoints = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    let options = options(plain(first(&endpoints).as_deref(), "AWS_ALLOW_HTTP"));
    let anonymous = nobody(&AWS, "AWS_SKIP_SIGNATURE");
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry());
    if anonymous {
        builder = builder.with_skip_signature(true);
    }
    let regions = ["AWS_REGION", "AWS_DEFAULT_REGION"];
    if first(&[&endpoints[..], &regions[..]].concat()).is_none() {
        // A bucket knows where it is; where it does not say, the first request tells what is wrong.
        if let Ok(region) = runtime.block_on(resolve_bucket_region(bucket, &options)) {
            builder = builder.with_region(region);
        }
    }
    let store = builder.with_client_options(options).build()?;
    Ok((Arc::new(store), anonymous.then_some("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")))
}

fn google(bucket: &str) -> Result<Made> {
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".config/gcloud"));
    let default = home.is_some_and(|folder| folder.join("application_default_credentials.json").is_file());
    let url = variable("GOOGLE_BASE_URL");
    // As Google's libraries have it: a host with or without a scheme, to which nobody's credentials go.
    let emulator = variable("STORAGE_EMULATOR_HOST").filter(|_| url.is_none());
    let emulator = emulator.map(|host| if host.contains("://") { host } else { format!("http://{host}") });
    let anonymous = emulator.is_none() && nobody(&GOOGLE, "GOOGLE_SKIP_SIGNATURE") && !default;
    let mut builder = if anonymous || emulator.is_some() || says_yes("GOOGLE_SKIP_SIGNATURE") {
        // With a token, although none is sent, no file is looked into.
        GoogleCloudStorageBuilder::new().with_skip_signature(true).with_bearer_token("")
    } else {
        GoogleCloudStorageBuilder::from_env()
    };
    let url = url.or(emulator);
    builder = builder.with_client_options(options(plain(url.as_deref(), "GOOGLE_ALLOW_HTTP")));
    if let Some(url) = url {
        builder = builder.with_base_url(url.trim_end_matches('/'));
    }
    let store = builder.with_bucket_name(bucket).with_retry(retry()).build()?;
    Ok((Arc::new(store), anonymous.then_some("GOOGLE_APPLICATION_CREDENTIALS")))
}

fn azure(url: &str) -> Result<Made> {
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    let (container, account) = host.split_once('@').map_or((host, None), |(name, account)| (name, Some(account)));
    if container.contains('.') {
        return Err(fault(format!("names an account instead of a container; say az://CONTAINER@{container}/...")));
    }
    let name = account.map(|host| host.split_once('.').map_or(host, |(name, _)| name));
    let own = first(&["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"]);
    let connection = variable("AZURE_STORAGE_CONNECTION_STRING").map(|text| Connection::parse(&text)).transpose()?;
    // What is known of one account is of no use to another.
    let connection = connection.filter(|known| name.is_none_or(|name| known.account.as_deref() == Some(name)));
    let connection = connection.unwrap_or_default();
    let is_other =
        connection.account.is_none() && own.is_some() && name.is_some_and(|name| own.as_deref() != Some(name));

    let mut builder = MicrosoftAzureBuilder::from_env().with_retry(retry());
    if let Some(name) = connection.account.clone().or(own) {
        builder = builder.with_account(name);
    }
    if let Some(key) = connection.key.clone().or_else(|| first(&AZURE_KEYS)) {
        builder = builder.with_access_key(key);
    }
    if let Some(token) = &connection.token {
        builder = builder.with_config(AzureConfigKey::SasKey, token);
    }
    let mut endpoint = connection.endpoint.clone().or_else(|| first(&["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"]));
    if account.is_some_and(|host| host.ends_with("fabric.microsoft.com")) {
        builder = builder.with_url(url);
    } else {
        endpoint = endpoint.or_else(|| account.and_then(endpoint_of));
        builder = name.into_iter().fold(builder.with_container_name(container), MicrosoftAzureBuilder::with_account);
    }
    let emulated = connection.emulated || says_yes("AZURE_STORAGE_USE_EMULATOR");
    builder = builder.with_use_emulator(emulated);
    builder = builder.with_client_options(options(emulated || plain(endpoint.as_deref(), "AZURE_ALLOW_HTTP")));
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let has_key = connection.key.is_some()
        || connection.token.is_some()
        || !is_other && first(&[&AZURE_KEYS[..], &AZURE_TOKENS].concat()).is_some();
    let anonymous = !emulated && !has_key && nobody(&AZURE_IDENTITIES, "AZURE_SKIP_SIGNATURE");
    if anonymous {
        builder = builder.with_skip_signature(true);
    }
    let store = builder.build().map_err(|failure| match failure.to_string() {
        text if text.contains("Account must be specified") => fault(NO_ACCOUNT.to_owned()),
        _ => failure,
    })?;
    Ok((Arc::new(store), anonymous.then_some("AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN")))
}

const NO_ACCOUNT: &str = "names no account, and neither do AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_CONNECTION_STRING; \
    a URL names one as az://CONTAINER@ACCOUNT.dfs.core.windows.net/...";

/// Where the blobs of an account are, by the host of its name, which may be that of another cloud; `None` for the usual
/// place.
fn endpoint_of(account: &str) -> Option<String> {
    let (name, rest) = account.split_once('.')?;
    let domain = rest.strip_prefix("dfs.").or_else(|| rest.strip_prefix("blob.")).unwrap_or(rest);
    (domain != AZURE_DOMAIN).then(|| format!("https://{name}.blob.{domain}"))
}

/// What a connection string says of an account of Azure.
#[derive(Default, PartialEq, Eq)]
struct Connection {
    account: Option<String>,
    key: Option<String>,
    token: Option<String>,
    endpoint: Option<String>,
    emulated: bool,
}

impl Connection {
    fn parse(text: &str) -> Result<Self> {
        let mut fields = BTreeMap::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            // What is wrong is not shown: it may be a key.
            let bad =
                || fault("AZURE_STORAGE_CONNECTION_STRING is not a list of NAME=VALUE with semicolons".to_owned());
            let (name, value) = part.split_once('=').ok_or_else(bad)?;
            fields.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
        let mut take = |name: &str| fields.remove(name).filter(|value| !value.is_empty());
        let protocol = take("defaultendpointsprotocol").unwrap_or_else(|| "https".to_owned());
        let domain = take("endpointsuffix").unwrap_or_else(|| AZURE_DOMAIN.to_owned());
        let named = take("accountname");
        let endpoint = take("blobendpoint").map(|url| url.trim_end_matches('/').to_owned());
        let usual = || named.as_ref().map(|name| format!("{protocol}://{name}.blob.{domain}"));
        Ok(Self {
            account: named.clone().or_else(|| endpoint.as_deref().and_then(account_at)),
            endpoint: endpoint.clone().or_else(usual),
            key: take("accountkey"),
            token: take("sharedaccesssignature"),
            emulated: take("usedevelopmentstorage").is_some_and(|yes| yes.eq_ignore_ascii_case("true")),
        })
    }
}

/// The account whose blobs are at a URL: the first part of the host, or after a host that is a number or has one part,
/// the path.
fn account_at(endpoint: &str) -> Option<String> {
    let (host, path) = endpoint.split_once("://")?.1.split_once('/').unwrap_or((endpoint.split_once("://")?.1, ""));
    let name = match host.split_once('.') {
        Some((name, _)) if !name.chars().all(|c| c.is_ascii_digit()) => name,
        _ => path.split('/').next()?,
    };
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_name_account_key_and_place() {
        let of = |text: &str| Connection::parse(text).map(|c| (c.account, c.key, c.token, c.endpoint, c.emulated));
        let some = |text: &str| Some(text.to_owned());
        let usual = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5==;EndpointSuffix=core.windows.net";
        let at = some("https://a.blob.core.windows.net");
        assert_eq!(of(usual).unwrap(), (some("a"), some("a2V5=="), None, at, false));
        let signed = "BlobEndpoint=https://b.blob.core.usgovcloudapi.net/;SharedAccessSignature=sv=1&sig=x%3D;";
        let at = some("https://b.blob.core.usgovcloudapi.net");
        assert_eq!(of(signed).unwrap(), (some("b"), None, some("sv=1&sig=x%3D"), at, false));
        let here =
            "accountname=c;blobendpoint=http://127.0.0.1:10000/c;AccountKey=;QueueEndpoint=http://127.0.0.1:10001/c";
        assert_eq!(of(here).unwrap(), (some("c"), None, None, some("http://127.0.0.1:10000/c"), false));
        assert_eq!(of("BlobEndpoint=http://127.0.0.1:10000/d").unwrap().0, some("d"));
        assert_eq!(of("BlobEndpoint=http://azurite:10000/e;").unwrap().0, some("e"));
        assert_eq!(of("UseDevelopmentStorage=true").unwrap(), (None, None, None, None, true));
        let secret = of("AccountName=a;c2VjcmV0").unwrap_err().to_string();
        assert!(secret.contains("NAME=VALUE") && !secret.contains("c2VjcmV0"), "{secret}");
    }

    #[test]
    fn accounts_of_other_clouds_are_elsewhere() {
        assert_eq!(endpoint_of("a"), None);
        assert_eq!(endpoint_of("a.dfs.core.windows.net"), None);
        assert_eq!(endpoint_of("a.blob.core.windows.net"), None);
        let other = endpoint_of("a.dfs.core.chinacloudapi.cn");
        assert_eq!(other.as_deref(), Some("https://a.blob.core.chinacloudapi.cn"));
    }
}
