"""A real nginx on loopback that serves the files of a directory, and takes and forgets what is put: the
ceiling for transfers."""

from servers.certificates import make_ca, make_certificate
from servers.process import Server, free_port, is_open

CONFIGURATION = """\
daemon off;
master_process off;
pid {directory}/pid;
error_log {directory}/error.log;
worker_rlimit_nofile 1024;
events {{ worker_connections 256; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_max_body_size 0;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{tls_port} {tls};
    ssl_certificate {directory}/server.pem;
    ssl_certificate_key {directory}/server.key;
    root {directory}/files;
    location / {{
      if ($request_method = PUT) {{ return 201; }}
    }}
    {locations}
  }}
}}
"""


class Nginx(Server):
    """Started by its constructor. What is in `files` is at `url` and `tls_url`, beside more `locations`."""

    def __init__(self, locations="", tls="ssl"):
        super().__init__("nginx")
        self.port, self.tls_port = free_port(), free_port()
        self.files = self.directory / "files"
        self.files.mkdir()
        make_ca(self.directory)
        make_certificate(self.directory)
        configuration = self.directory / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(
            directory=self.directory, port=self.port, tls_port=self.tls_port, tls=tls,
            locations=locations.replace("{directory}", str(self.directory))))
        self.process = self.spawn(["nginx", "-p", self.directory, "-c", configuration])
        self.wait_until(lambda: is_open(self.tls_port))

    @property
    def url(self):
        """Its address, plain."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self):
        """Its address, TLS."""
        return f"https://127.0.0.1:{self.tls_port}"

    @property
    def ca(self):
        """What to trust it by."""
        return self.directory / "ca.pem"
