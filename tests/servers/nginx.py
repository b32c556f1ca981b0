"""A real nginx on loopback that serves the files of a folder, and takes and forgets what is put: the
ceiling for transfers."""

from servers.certificates import make_ca, make_certificate
from servers.process import Server, free_port, is_open

CONFIGURATION = """\
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_rlimit_nofile 1024;
events {{ worker_connections 256; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_max_body_size 0;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{tls_port} {tls};
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    root {folder}/files;
    location / {{
      if ($request_method = PUT) {{ return 201; }}
    }}
    {locations}
  }}
}}
"""


class Nginx(Server):
    """Started when made. What stands in `files` is at `url` and `tls_url`, beside more `locations`."""

    def __init__(self, locations="", tls="ssl"):
        super().__init__("nginx")
        self.port, self.tls_port = free_port(), free_port()
        self.files = self.folder / "files"
        self.files.mkdir()
        make_ca(self.folder)
        make_certificate(self.folder)
        configuration = self.folder / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(folder=self.folder, port=self.port,
                                                      tls_port=self.tls_port, tls=tls,
                                                      locations=locations.replace("{folder}", str(self.folder))))
        self.process = self.spawn(["nginx", "-p", self.folder, "-c", configuration])
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
        return self.folder / "ca.pem"
