// What a locker is, and what opens it.
#include "services/storage/description.hpp"

#include <algorithm>

#include <jetpack/error.hpp>
#include "services/storage/names.hpp"
#include "support/encoding.hpp"
#include "support/json.hpp"
#include "support/text.hpp"
#include "support/times.hpp"
#include "support/url.hpp"

namespace jetpack::storage {

namespace {

constexpr std::string_view azure_domain = ".blob.core.windows.net";
constexpr std::string_view secondary = "-secondary";
// The same account has an endpoint for each service; that of Data Lake Storage is pasted, too.
constexpr std::string_view dfs_infix = ".dfs.core.";
constexpr std::string_view reports_prefix = "issues/";

// The account that a host name of the Blob service names: "acct" of acct.blob.core.windows.net,
// acct-secondary.blob..., acct.privatelink.blob... and acct.z12.blob.storage.azure.net. Empty for
// other hosts.
std::string account_of_host(std::string_view host) {
  if (host.find(".blob.") == std::string_view::npos &&
      host.find(dfs_infix) == std::string_view::npos)
    return {};
  std::string_view label = host.substr(0, host.find('.'));
  if (label.ends_with(secondary)) label.remove_suffix(secondary.size());
  return std::string(label);
}

// The query of a SAS as people paste it: with the address in front of it, quotes around it, "&" as
// XML writes it, or a signature in plain base64. A SAS has no blanks, so a '+' means itself.
std::string clean_sas(std::string_view pasted) {
  constexpr std::string_view quotes = "\"'";
  while (!pasted.empty() && quotes.find(pasted.front()) != std::string_view::npos)
    pasted.remove_prefix(1);
  while (!pasted.empty() && quotes.find(pasted.back()) != std::string_view::npos)
    pasted.remove_suffix(1);
  const size_t query = pasted.find('?');
  if (query != std::string_view::npos && pasted.find("://") < query) pasted.remove_prefix(query);
  while (pasted.starts_with('?') || pasted.starts_with('&')) pasted.remove_prefix(1);
  std::string sas;
  for (size_t at = 0; at < pasted.size(); ++at) {
    sas += pasted[at] == '+' ? std::string("%2B") : std::string(1, pasted[at]);
    if (pasted[at] == '&' && pasted.substr(at).starts_with("&amp;")) at += 4;
  }
  return sas;
}

// The letters of a SAS's `sp`.
std::string permissions_of(const std::string& sas) {
  const std::string query = '&' + sas;
  const size_t at = query.find("&sp=");
  if (at == std::string::npos) return {};
  return query.substr(at + 4, query.find('&', at + 4) - at - 4);
}

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
    if (description.directory.empty()) read_reports(description);
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
    const auto value = support::trimmed(support::text_of(*member));
    const auto is_odd = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; };
    if (value.empty()) return std::nullopt;
    if (std::any_of(value.begin(), value.end(), is_odd)) fail(name, "has a control character");
    return std::string(value);
  }

  // The same for an address, whose scheme becomes lower case.
  std::optional<std::string> address(const char* name) const {
    auto value = text(name);
    if (!value) return value;
    const size_t scheme = std::min(value->find("://"), value->size());
    return support::lower_case(value->substr(0, scheme)) + value->substr(scheme);
  }

  void read_url(Description& description) const;
  void read_base(Description& description, std::string_view text, const char* member,
                 bool has_container) const;
  void read_path(Description& description, std::string_view path, const char* member,
                 bool has_container) const;
  void read_credential(Description& description) const;
  void read_reports(Description& description) const;
  std::string prefix(std::string_view path) const;
  void read_sas(Description& description, std::string_view pasted) const;
  std::string container(std::string_view name, const char* member = "url") const;

  std::string source_;
  support::Json json_;
};

std::string DescriptionReader::container(std::string_view name, const char* member) const {
  const auto is_taken = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '$';
  };
  if (name.empty() || name.size() > 63 || name == "." || name == ".." ||
      !std::all_of(name.begin(), name.end(), is_taken))
    fail(member, "names no container; expected az://ACCOUNT/CONTAINER");
  return std::string(name);
}

// The prefix of all blobs, from what follows the container in an address.
std::string DescriptionReader::prefix(std::string_view path) const {
  if (path.empty()) return {};
  try {
    check_prefix(path);
  } catch (const Error&) {
    fail("url", "has an invalid path");
  }
  return std::string(path) + '/';
}

// Takes the path of SCHEME://HOST/PATH apart: CONTAINER[/PREFIX] at a host that names its account,
// else [ACCOUNT/]CONTAINER; without `has_container`, [ACCOUNT].
void DescriptionReader::read_path(Description& description, std::string_view path,
                                  const char* member, bool has_container) const {
  if (has_container && path.empty()) fail(member, "names no container");
  if (has_container && !description.account.empty()) {
    const size_t slash = std::min(path.find('/', 1), path.size());
    description.container = container(path.substr(1, slash - 1));
    description.prefix = prefix(path.substr(std::min(slash + 1, path.size())));
    return;
  }
  if (has_container) {
    const size_t last = path.rfind('/');
    description.container = container(path.substr(last + 1));
    path = path.substr(0, last);
  }
  if (path.rfind('/') != 0 && !path.empty()) fail(member, "has too many parts");
  description.base += path;
  if (!path.empty()) description.account = path.substr(1);
}

// Takes SCHEME://HOST[:PORT][/PATH][?SAS] apart.
void DescriptionReader::read_base(Description& description, std::string_view text,
                                  const char* member, bool has_container) const {
  const std::string_view scheme = text.substr(0, text.find("://"));
  if (scheme != "https" && scheme != "http") fail(member, "is neither az, https nor file");
  std::string_view rest = text.substr(scheme.size() + 3);
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view authority = rest.substr(0, slash);
  if (authority.find('@') != std::string_view::npos)
    fail(member, "holds a user name or password; use sas, account_key or identity");
  if (rest.substr(slash).find_first_of("?#%\\ \"<>") != std::string_view::npos)
    fail(member, "has a query or an invalid path; a signature belongs into \"sas\"");

  const unsigned usual_port = scheme == "https" ? 443 : 80;
  auto endpoint = support::parse_endpoint(authority, usual_port,
                                          [&](const std::string& what) { fail(member, what); });
  if (scheme == "http" && !support::is_loopback(endpoint.host))
    throw Error(Errc::denied, "the locker's address in " + source_ +
                                  " is http, which would show everything to the network; use "
                                  "https (http is for this machine alone)");
  if (const size_t dfs = endpoint.host.find(dfs_infix); dfs != std::string::npos)
    endpoint.host.replace(dfs, dfs_infix.size(), ".blob.core.");
  description.host = endpoint.host;
  description.account = account_of_host(endpoint.host);
  description.base = std::string(scheme) + "://" +
                     support::authority_text(endpoint.host, endpoint.port, usual_port);
  read_path(description, rest.substr(slash), member, has_container);
}

void DescriptionReader::read_url(Description& description) const {
  auto url = address("url");
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
  url->resize(std::min(url->find('?'), url->size()));
  if (url->starts_with("az://")) {
    std::string_view rest = std::string_view(*url).substr(5);
    while (rest.ends_with('/')) rest.remove_suffix(1);
    const size_t slash = rest.find('/');
    if (slash == 0 || slash == std::string_view::npos) fail("url", "is not az://ACCOUNT/CONTAINER");
    const size_t end = std::min(rest.find('/', slash + 1), rest.size());
    description.container = container(rest.substr(slash + 1, end - slash - 1));
    description.prefix = prefix(rest.substr(std::min(end + 1, rest.size())));
    const std::string host = container(rest.substr(0, slash));
    const std::string named = account_of_host(host);
    const std::string account = named.empty() ? host : named;
    description.address = "az://" + account + '/' + std::string(rest.substr(slash + 1));
    read_base(description,
              address("endpoint")
                  .value_or("https://" + (named.empty() ? host + std::string(azure_domain) : host)),
              "endpoint", false);
    description.account = account;
    return;
  }
  read_base(description, *url, "url", true);
  description.address = description.container_url();
  if (!description.prefix.empty())
    description.address += '/' + description.prefix.substr(0, description.prefix.size() - 1);
  if (const auto account = text("account")) description.account = *account;
}

void DescriptionReader::read_sas(Description& description, std::string_view pasted) const {
  const std::string sas = clean_sas(pasted);
  if (sas.find_first_of("#? \"<>") != std::string_view::npos ||
      sas.find("sig=") == std::string_view::npos)
    fail("sas", "is not a valid SAS query");
  description.credential = {Credential::Kind::sas, sas, {}};
  // A time that cannot be read does not make the token invalid, which knows its own end.
  if (const auto expires = text("expires")) description.expires = support::parse_iso_8601(*expires);
  if (description.expires) return;
  const std::string query = '&' + sas;
  if (const size_t at = query.find("&se="); at != std::string::npos)
    description.expires = support::parse_iso_8601(
        support::percent_decoded_leniently(query.substr(at + 4, query.find('&', at + 4) - at - 4)));
}

void DescriptionReader::read_credential(Description& description) const {
  auto sas = text("sas");
  const auto key = text("account_key");
  const auto* identity = support::find_member(json_.root(), "identity");
  if (identity != nullptr && identity->IsNull()) identity = nullptr;
  if ((sas ? 1 : 0) + (key ? 1 : 0) + (identity != nullptr ? 1 : 0) > 1)
    throw Error(Errc::corrupt, "the locker's description in " + source_ +
                                   " has more than one of sas, account_key and identity; keep one");
  if (!sas && !key && identity == nullptr) {
    const std::string url = text("url").value_or("");
    if (const size_t query = url.find('?'); query != std::string::npos) sas = url.substr(query);
  }
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

void DescriptionReader::read_reports(Description& description) const {
  const auto* member = support::find_member(json_.root(), "reports");
  if (member == nullptr || member->IsNull()) return;
  const auto sas = support::find_string(*member, "sas");
  if (!sas) fail("reports", "is not {\"container\", \"directory\", \"sas\"}");
  Reports reports;
  reports.container = container(support::text_or(*member, "container", ""), "reports");
  reports.directory = support::text_or(*member, "directory", "issues");
  prefix(reports.directory);
  reports.credential = {Credential::Kind::sas, clean_sas(*sas), {}};
  reports.is_readable = permissions_of(reports.credential.secret).find('r') != std::string::npos;
  const auto* server_signs = support::find_member(*member, "server_signs");
  reports.server_signs = server_signs != nullptr && server_signs->IsTrue();
  description.reports = std::move(reports);
}

}  // namespace

bool Description::is_report(std::string_view blob) const {
  return reports && blob.starts_with(reports_prefix);
}

std::string Description::blob_url(std::string_view blob) const {
  if (is_report(blob)) {
    const std::string_view name = blob.substr(reports_prefix.size());
    return base + '/' + reports->container + '/' +
           support::percent_encoded_path(reports->directory + '/' + std::string(name));
  }
  return container_url() + '/' + support::percent_encoded_path(prefix + std::string(blob));
}

bool Description::opens_alike(const Description& other) const {
  return address == other.address && base == other.base && ca_file == other.ca_file &&
         credential == other.credential && reports == other.reports;
}

Description parse_description(std::string_view json, const std::string& source) {
  return DescriptionReader(json, source).read();
}

}  // namespace jetpack::storage
