// Options and arguments that several of the hub's commands have.
#include "commands/options.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include <jetpack/config.hpp>
#include <jetpack/session.hpp>
#include "common/text.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace fs = std::filesystem;

namespace {

constexpr size_t max_secret = 4096;

std::string checked_name(std::string name) {
  if (!is_name(name))
    throw Error(Errc::usage, "'" + support::one_line(name) +
                                 "' is not a valid name: expected up to 128 letters, digits, '.', "
                                 "'_' and '-', beginning with a letter or digit");
  return name;
}

// What root made there, its hub could not use; and what is there, its hub could have made.
void require_own(const fs::path& directory) {
  struct stat info {};
  if (::geteuid() != 0 || ::stat(directory.c_str(), &info) != 0 || info.st_uid == 0) return;
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(info.st_uid, &entry, buffer.data(), buffer.size(), &found);
  const std::string owner = found != nullptr ? found->pw_name : "#" + std::to_string(info.st_uid);
  throw Error(Errc::denied, directory.string() + " belongs to user " + owner +
                                "; run the command as that user: sudo -u " + owner +
                                " jetpack hub ...");
}

}  // namespace

std::string text_option(const Call& call, const char* name) {
  return std::string(call.text(name).value_or(""));
}

fs::path data_option(const Call& call) {
  const auto given = call.text("data");
  fs::path directory = given ? std::string(*given) : call.service<Config>().path("hub");
  require_own(directory);
  return directory;
}

std::optional<std::string> secret_option(const Call& call, const char* name) {
  const auto given = call.text(name);
  if (!given || !given->starts_with('@'))
    return given ? std::optional(std::string(*given)) : std::nullopt;
  const std::string file(given->substr(1));
  auto text = support::read_file(file, max_secret);
  if (!text)
    throw Error(Errc::not_found,
                "failed to read --" + std::string(name) + ": " + file + " not found");
  return text->substr(0, text->find_first_of("\r\n"));
}

DatabaseAddress database_option(const Call& call, const DataDirectory& data) {
  if (const auto url = secret_option(call, "database")) return postgresql_address(*url);
  return sqlite_address(data.database());
}

DatabaseAddress known_database(const Call& call) {
  if (const auto url = secret_option(call, "database")) return postgresql_address(*url);
  const DataDirectory data{fs::absolute(data_option(call))};
  if (!fs::exists(data.database()))
    throw Error(Errc::not_found, "no hub found in " + data.root.string() +
                                     "\nGive its directory with --data, or its database with "
                                     "--database.");
  return sqlite_address(data.database());
}

std::string name_option(const Call& call, const char* name) {
  return checked_name(text_option(call, name));
}

std::string cluster_option(const Call& call, const char* name) {
  if (call.given(name)) return name_option(call, name);
  const auto own = call.service<jetpack::Session>().identity("cluster");
  if (!own || own->empty())
    throw Error(Errc::usage,
                "no cluster given, and this machine is not a node of one; use --cluster NAME");
  return checked_name(*own);
}

std::string url_option(const Call& call, const DataDirectory& data) {
  const auto given = call.text("url");
  const auto url = given ? std::optional<std::string>(*given) : last_url(data);
  if (!url)
    throw Error(Errc::usage, "the hub's address is unknown: no hub has run in " +
                                 data.root.string() + " yet\nStart it first, or give --url.");
  const bool is_plain =
      std::all_of(url->begin(), url->end(), [](char c) { return c > ' ' && c < 0x7F && c != '"'; });
  if (!url->starts_with("https://") || !is_plain)
    throw Error(Errc::usage, "--url must begin with https:// and have no spaces");
  return *url;
}

std::string object_in_file(const Call& call) {
  const std::string file = text_option(call, "file");
  const std::string text = support::read_input(file, max_input_file);
  const std::string name = support::name_of_input(file);
  rapidjson::Document document;
  try {
    document = support::parse_json(text, name, support::JsonRules::strict);
  } catch (const Error& error) {
    throw Error(Errc::usage, std::string(error.what()) + "; expected one JSON object");
  }
  if (!document.IsObject())
    throw Error(Errc::usage, "invalid content of " + name + ": expected one JSON object");
  return support::to_json(document);
}

}  // namespace jetpack::hub
