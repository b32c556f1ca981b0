// What a locker is, and what opens it.
#include "services/storage/description.hpp"

#include <algorithm>

#include <jetpack/error.hpp>
#include "support/encoding.hpp"
#include "support/json.hpp"
#include "support/times.hpp"
#include "support/url.hpp"

namespace jetpack::storage {

namespace {

constexpr std::string_view azure_domain = ".blob.core.windows.net";

// Reads one document; every fault names it and the member.
class DescriptionReader {
 public:
  DescriptionReader(std::string_view json, const std::string& source)
      : source_(source), json_(support::Json::parse(json, source)) {
    if (!json_.root().IsObject())
      throw Error(Errc::corrupt, source_ + ": found no object; expected {\"url\": ...}");
  }

  Description read() const {
    Description description;
    description.source = source_;
    read_url(description);
    description.ca_file = text("ca_file").value_or("");
    if (!description.ca_file.empty() && !description.ca_file.starts_with('/'))
      fail("ca_file", "is not an absolute path");
    if (description.directory.empty()) read_credential(description);
    if (const auto* member = support::find_member(json_.root(), "from_server"))
      description.from_server = member->IsTrue();
    return description;
  }

 private:
  [[noreturn]] void fail(const std::string& member, const std::string& what) const {
    throw Error(Errc::corrupt, "the locker's description in " + source_ + ": \"" + member + "\" " +
                                   what + "; fix it");
  }

  // nullopt when it is missing, null or empty.
  std::optional<std::string> text(const char* name) const {
    const auto* member = support::find_member(json_.root(), name);
    if (member == nullptr || member->IsNull()) return std::nullopt;
    if (!support::is_string(*member)) fail(name, "is not text");
    if (member->GetStringLength() == 0) return std::nullopt;
    const auto value = support::text_of(*member);
    const auto is_odd = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; };
    if (std::any_of(value.begin(), value.end(), is_odd)) fail(name, "has a control character");
    return std::string(value);
  }

  void read_url(Description& description) const;
  void read_base(Description& description, std::string_view text, const char* member,
                 bool has_container) const;
  void read_credential(Description& description) const;
  void read_sas(Description& description, std::string_view sas) const;
  std::string container(std::string_view name) const;

  std::string source_;
  support::Json json_;
};

std::string DescriptionReader::container(std::string_view name) const {
  const auto is_taken = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '$';
  };
  if (name.empty() || name.size() > 63 || name == "." || name == ".." ||
      !std::all_of(name.begin(), name.end(), is_taken))
    fail("url", "names no container; expected az://ACCOUNT/CONTAINER");
  return std::string(name);
}

// Takes SCHEME://HOST[:PORT][/PATH] apart.
void DescriptionReader::read_base(Description& description, std::string_view text,
                                  const char* member, bool has_container) const {
  const std::string_view scheme = text.substr(0, text.find("://"));
  if (scheme != "https" && scheme != "http") fail(member, "is neither az, https nor file");
  std::string_view rest = text.substr(scheme.size() + 3);
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view authority = rest.substr(0, slash);
  std::string_view path = rest.substr(slash);
  if (authority.find('@') != std::string_view::npos)
    fail(member, "holds a user name or password; use sas, account_key or identity");
  if (path.find_first_of("?#%\\ \"<>") != std::string_view::npos)
    fail(member, "has a query or an invalid path; a signature belongs into \"sas\"");

  const unsigned usual_port = scheme == "https" ? 443 : 80;
  const auto endpoint = support::parse_endpoint(
      authority, usual_port, [&](const std::string& what) { fail(member, what); });
  if (scheme == "http" && !support::is_loopback(endpoint.host))
    throw Error(Errc::denied, "the locker's address in " + source_ +
                                  " is http, which would show everything to the network; use "
                                  "https (http is for this machine alone)");
  description.host = endpoint.host;
  description.base = std::string(scheme) + "://" +
                     support::authority_text(endpoint.host, endpoint.port, usual_port);
  if (has_container) {
    const size_t last = path.rfind('/');
    if (last == std::string_view::npos) fail(member, "names no container");
    description.container = container(path.substr(last + 1));
    path = path.substr(0, last);
  }
  if (path.rfind('/') != 0 && !path.empty()) fail(member, "has too many parts");
  description.base += path;
  if (!path.empty()) description.account = path.substr(1);
  const size_t domain = endpoint.host.find(".blob.");
  if (path.empty() && domain != std::string::npos)
    description.account = endpoint.host.substr(0, domain);
}

void DescriptionReader::read_url(Description& description) const {
  const auto url = text("url");
  if (!url)
    fail("url",
         "is missing; expected az://ACCOUNT/CONTAINER, https://HOST/CONTAINER or "
         "file:///DIRECTORY");
  if (url->starts_with("file://")) {
    description.directory = url->substr(7);
    while (description.directory.size() > 1 && description.directory.ends_with('/'))
      description.directory.pop_back();
    if (!description.directory.starts_with('/')) fail("url", "is not file:///DIRECTORY");
    description.address = "file://" + description.directory;
    return;
  }
  if (url->starts_with("az://")) {
    std::string_view rest = std::string_view(*url).substr(5);
    while (rest.ends_with('/')) rest.remove_suffix(1);
    const size_t slash = rest.find('/');
    if (slash == 0 || slash == std::string_view::npos) fail("url", "is not az://ACCOUNT/CONTAINER");
    description.container = container(rest.substr(slash + 1));
    description.account = container(rest.substr(0, slash));
    description.address = "az://" + description.account + '/' + description.container;
    const std::string account = description.account;
    read_base(description,
              text("endpoint").value_or("https://" + account + std::string(azure_domain)),
              "endpoint", false);
    description.account = account;
    return;
  }
  read_base(description, *url, "url", true);
  description.address = description.container_url();
  if (const auto account = text("account")) description.account = *account;
}

void DescriptionReader::read_sas(Description& description, std::string_view sas) const {
  if (sas.starts_with('?')) sas.remove_prefix(1);
  if (sas.find_first_of("#? \"<>") != std::string_view::npos ||
      sas.find("sig=") == std::string_view::npos)
    fail("sas", "is not a valid SAS query");
  description.credential = {Credential::Kind::sas, std::string(sas), {}};
  if (const auto expires = text("expires")) {
    description.expires = support::parse_iso_8601(*expires);
    if (!description.expires) fail("expires", "is not a time in ISO 8601");
    return;
  }
  const std::string query = '&' + std::string(sas);
  if (const size_t at = query.find("&se="); at != std::string::npos)
    description.expires = support::parse_iso_8601(
        support::percent_decoded_leniently(query.substr(at + 4, query.find('&', at + 4) - at - 4)));
}

void DescriptionReader::read_credential(Description& description) const {
  const auto sas = text("sas");
  const auto key = text("account_key");
  const auto* identity = support::find_member(json_.root(), "identity");
  if (identity != nullptr && identity->IsNull()) identity = nullptr;
  if ((sas ? 1 : 0) + (key ? 1 : 0) + (identity != nullptr ? 1 : 0) > 1)
    throw Error(Errc::corrupt, "the locker's description in " + source_ +
                                   " has more than one of sas, account_key and identity; keep one");
  if (sas) return read_sas(description, *sas);
  if (key) {
    const auto bytes = support::base64_decoded(*key);
    if (!bytes || bytes->empty()) fail("account_key", "is not base64");
    if (description.account.empty())
      fail("account", "is missing, and the url does not contain it; a key needs it");
    description.credential = {Credential::Kind::key, *bytes, {}};
    return;
  }
  if (identity == nullptr) return;
  if (!identity->IsObject()) fail("identity", "is not an object");
  if (!description.base.starts_with("https://"))
    fail("identity", "needs https: a token is never sent in the open");
  description.credential.kind = Credential::Kind::identity;
  const auto client = support::find_string(*identity, "client_id");
  const auto resource = support::find_string(*identity, "resource_id");
  if (client && resource) fail("identity", "has both client_id and resource_id; keep one");
  if (client) description.credential.identity = "client_id=" + support::percent_encoded(*client);
  if (resource)
    description.credential.identity = "msi_res_id=" + support::percent_encoded(*resource);
}

}  // namespace

bool Description::opens_alike(const Description& other) const {
  return address == other.address && base == other.base && ca_file == other.ca_file &&
         credential == other.credential;
}

Description parse_description(std::string_view json, const std::string& source) {
  return DescriptionReader(json, source).read();
}

}  // namespace jetpack::storage
