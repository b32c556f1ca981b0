"""Signs a bundle's manifest as `jetpack plugin sign` does, with OpenSSL's program.

For the bundles of our own packages, which no `jetpack plugin install` signs. The key is that of
$JETPACK_BUNDLE_KEY, of the build directory where meson installs, or else made for this once; a file that is
missing is created. Its public half goes to plugins/keys, beside the store.
"""
import base64
import hashlib
import os
import pathlib
import subprocess
import tempfile


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], stdout=subprocess.PIPE, check=True).stdout


def key_file(temporary):
    """The private key's file, which is created where there is none."""
    build = os.environ.get("MESON_BUILD_ROOT")
    default = pathlib.Path(build, "bundle-key.pem") if build else pathlib.Path(temporary, "key.pem")
    path = pathlib.Path(os.environ.get("JETPACK_BUNDLE_KEY", default))
    if not path.exists():
        path.touch(0o600)
        path.write_bytes(openssl("genpkey", "-algorithm", "ed25519"))
    return path


def write(path, content):
    """Replaces a file as a whole."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(content)
    draft.chmod(0o644)
    draft.replace(path)


def signing_keys(store):
    """The ids of the keys that our own bundles in plugins/store are signed with."""
    return {signature.read_text().split()[0] for signature in store.glob("jetpack.*/*/plugin.json.sig")}


def sign(bundle):
    """Writes plugin.json.sig of the bundle, a directory in plugins/store/ID/VERSION."""
    manifest = bundle / "plugin.json"
    with tempfile.TemporaryDirectory(prefix="sign-") as temporary:
        key = key_file(temporary)
        signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", manifest)
        # RFC 8410: the key itself is what ends the structure.
        public = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")[-32:]
        pem = openssl("pkey", "-in", key, "-pubout")
    key_id = hashlib.sha256(public).hexdigest()[:16]
    line = " ".join([key_id, *(base64.b64encode(part).decode() for part in (signature, public))])
    before = signing_keys(bundle.parents[1])
    write(manifest.with_name("plugin.json.sig"), f"{line}\n".encode())
    keys = bundle.parents[2] / "keys"
    keys.mkdir(mode=0o755, exist_ok=True)
    write(keys / f"{key_id}.pub", pem)
    for unused in before - signing_keys(bundle.parents[1]):
        (keys / f"{unused}.pub").unlink(missing_ok=True)
