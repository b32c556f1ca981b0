// Where bundles and indexes come from: files, https, the locker.
#include "bundles/sources.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "services/http/client.hpp"
#include "services/http/status.hpp"
#include "services/node/node_settings.hpp"
#include "support/file_errors.hpp"
#include "support/json.hpp"
#include "support/text.hpp"

namespace jetpack::bundles {

namespace {

constexpr std::string_view https = "https://", locker = "locker:";
constexpr int most_tries = 4, most_redirections = 5;

// The scheme, host and port of a URL, whose rest may hold a secret.
std::string server_of(const std::string& url) {
  return url.substr(0, url.find_first_of("/?#", https.size()));
}

bool is_redirection(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Where a redirection leads. Only to https, too.
std::string target_of(const http::Response& response, const std::string& url) {
  std::string location = response.header("location");
  if (location.starts_with('/') && !location.starts_with("//")) return server_of(url) + location;
  if (!location.starts_with(https))
    throw Error(Errc::denied, server_of(url) + " redirects to something other than https");
  return location;
}

}  // namespace

Spool::Spool() : directory_(support::temporary_directory() + "/jetpack-XXXXXX") {
  if (::mkdtemp(directory_.data()) == nullptr) support::fail_on_file("create", directory_, errno);
}

Spool::~Spool() {
  // What an interrupted download left is beside it.
  const support::Directory opened(::opendir(directory_.c_str()));
  while (const dirent* entry = opened ? ::readdir(opened.get()) : nullptr)
    ::unlinkat(::dirfd(opened.get()), entry->d_name, 0);
  ::rmdir(directory_.c_str());
}

bool Fetcher::is_remote(const std::string& source) {
  return source.starts_with(https) || source.starts_with(locker);
}

std::string Fetcher::proxy_for(const std::string& url) const {
  const auto config = call_.service<Config>();
  const auto setting = [&](std::string_view key) -> std::optional<std::string> {
    auto value = config.get(key);
    if (value && value->empty()) value.reset();
    return value;
  };
  return node::NodeSettings(home_ + "/config", setting, [](const std::string&) {})
      .proxy(server_of(url));
}

void Fetcher::download(const std::string& url, const std::string& to, uint64_t most) const {
  constexpr std::chrono::seconds stall{30};
  http::Halt halt;
  http::Client client(halt);
  std::string at = url;
  for (int redirections = 0; redirections <= most_redirections; ++redirections) {
    http::Settings settings;
    const std::string ca = home_ + "/config/ca.pem";
    if (::access(ca.c_str(), F_OK) == 0) settings.ca_file = ca;
    settings.ca_advice = "put its CA into config/ca.pem";
    settings.proxy = proxy_for(at);
    settings.stall = stall;
    http::Request request;
    request.url = at;
    const http::Response response = http::with_retries(most_tries, halt, [&] {
      const support::Fd file(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
      if (!file) support::fail_on_file("create", to, errno);
      uint64_t size = 0;
      auto reply =
          client.perform(settings, request, 0, [&](const http::Response&, std::string_view piece) {
            size += piece.size();
            if (size > most)
              throw Error(Errc::failed,
                          server_of(url) + " sent more than " + std::to_string(most) + " bytes");
            if (const int error = support::write_all(file.get(), piece); error != 0)
              support::fail_on_file("write", to, error);
          });
      if (http::is_retryable(reply.status))
        throw http::Retryable(server_of(url) + " answered " + std::to_string(reply.status));
      return reply;
    });
    if (response.status >= 200 && response.status < 300) return;
    if (!is_redirection(response.status))
      throw Error(response.status == 404 ? Errc::not_found : Errc::failed,
                  "cannot download it from " + server_of(url) + ": the server answered " +
                      std::to_string(response.status));
    at = target_of(response, at);
  }
  throw Error(Errc::failed, server_of(url) + " redirects too often");
}

support::Fd Fetcher::open(const std::string& source, const Spool& spool, uint64_t most) const {
  if (!is_remote(source)) {
    support::Fd file = support::open_file(source);
    if (!file)
      throw Error(Errc::not_found, "cannot open " + support::one_line(source) + ": not found");
    return file;
  }
  if (source.starts_with(https)) {
    download(source, spool.file(), most);
  } else {
    // Progress is asked before too much is written.
    const auto within = [&](uint64_t done, uint64_t total) {
      return std::max(done, total) <= most;
    };
    call_.service<Storage>().download(source.substr(locker.size()), spool.file(),
                                      {.progress = within});
  }
  support::Fd file = support::open_file(spool.file());
  if (!file) throw Error(Errc::failed, "cannot open what was downloaded");
  return file;
}

std::string Fetcher::text(const std::string& source, uint64_t most) const {
  const Spool spool;
  const support::Fd file = open(source, spool, most);
  auto content = support::read_bounded(file.get(), most, source);
  if (!content)
    throw Error(Errc::corrupt, source + " is larger than " + std::to_string(most) + " bytes");
  return *std::move(content);
}

}  // namespace jetpack::bundles
