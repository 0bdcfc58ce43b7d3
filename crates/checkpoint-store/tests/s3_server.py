"""Servers for `cargo xtask ci --full --only remote`: S3 as moto plays it, with a bucket `checkpoints` that
holds a folder under `fixtures/`; and one file over TLS, with a certificate of an authority of its own.

Prints `ADDRESS_OF_S3 ADDRESS_OF_FILE FILE_OF_THE_AUTHORITY`, and ends with its standard input.
"""

import http.server
import os
import ssl
import sys
import threading

import boto3
import trustme
from moto.server import ThreadedMotoServer

folder, file, home = sys.argv[1:]

s3 = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
s3.start()
host, port = s3.get_host_and_port()
client = boto3.client(
    "s3",
    endpoint_url=f"http://127.0.0.1:{port}",
    region_name="us-east-1",
    aws_access_key_id="id",
    aws_secret_access_key="topsecretkey",
)
client.create_bucket(Bucket="checkpoints")
for above, _, names in os.walk(folder):
    for name in names:
        path = os.path.join(above, name)
        key = "fixtures/" + os.path.relpath(path, folder).replace(os.sep, "/")
        client.upload_file(path, "checkpoints", key)


class OneFile(http.server.BaseHTTPRequestHandler):
    """Sends one file, whatever was asked for, and knows ranges."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with open(file, "rb") as opened:
            data = opened.read()
        first, last = self.headers.get("Range", f"bytes=0-{len(data) - 1}").removeprefix("bytes=").split("-")
        first, last = int(first), min(int(last), len(data) - 1)
        part = data[first : last + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.send_header("ETag", '"1"')
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_):
        pass


authority = trustme.CA()
authority.cert_pem.write_to_path(os.path.join(home, "authority.pem"))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
authority.issue_cert("localhost").configure_cert(context)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OneFile)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()

print(f"127.0.0.1:{port}", f"https://localhost:{server.server_port}/{os.path.basename(file)}", flush=True)
sys.stdin.read()
s3.stop()
