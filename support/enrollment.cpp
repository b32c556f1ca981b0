// Makes a home tree that of a node: what `jetpack hub enroll` and `jetpack join` write.
#include "support/enrollment.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/home_tree.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"

namespace jetpack::support {

namespace {

constexpr std::string_view our_sections[] = {"[cycle_server]", "[identity]", "[broker]"};
constexpr uint64_t max_ini = 1 << 20;
constexpr const char* broker_authority_name = "broker-ca.pem";

using Entries = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// A line end in a value would be another key.
void add_section(std::string& ini, std::string_view name, const Entries& entries) {
  ini.append(ini.empty() ? "" : "\n").append(name).append("\n");
  for (const auto& [key, value] : entries) {
    if (value.empty()) continue;
    const bool is_plain = std::none_of(value.begin(), value.end(), [](char c) {
      return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    });
    if (!is_plain || trimmed(value) != value)
      throw Error(Errc::usage, "cannot write jetpack.ini: the value of " + std::string(key) +
                                   " begins or ends with a blank, or has a control character");
    ini.append(key).append("=").append(value).append("\n");
  }
}

// What an administrator wrote into the file.
std::string other_sections(std::string_view ini) {
  std::string kept;
  bool is_ours = true;  // what stands before the first section belongs to none
  for (size_t at = 0; at < ini.size();) {
    const size_t end = std::min(ini.find('\n', at), ini.size() - 1) + 1;
    const std::string_view line = ini.substr(at, end - at);
    const std::string_view text = trimmed(line);
    if (text.starts_with('['))
      is_ours = std::find(std::begin(our_sections), std::end(our_sections), text) !=
                std::end(our_sections);
    if (!is_ours) kept += line;
    at = end;
  }
  return kept;
}

std::string jetpack_ini(const Enrollment& node, std::string_view before) {
  std::string ini;
  add_section(ini, our_sections[0],
              {{"webserver", node.url},
               {"api_username", node.username},
               {"api_password", node.password},
               {"transport", node.transport}});
  add_section(ini, our_sections[1],
              {{"cluster_name", node.cluster},
               {"instance_id", node.instance_id},
               {"node_name", node.node},
               {"userdata_id", node.userdata_id}});
  if (!node.broker_url.empty())
    add_section(ini, our_sections[2],
                {{"url", node.broker_url},
                 {"ca_file", node.broker_authority.empty() ? "" : broker_authority_name}});
  const std::string others = other_sections(before);
  return others.empty() ? ini : ini + '\n' + others;
}

std::string connection_json(const Enrollment& node) {
  return json_object([&](Object& object) {
           object.text("cluster", node.cluster)
               .text("username", node.username)
               .text("password", node.password)
               .text("url", node.url)
               .text("proxy_method", "none");
         }) +
         '\n';
}

}  // namespace

void write_enrollment(const std::string& home, const Enrollment& enrollment) {
  const std::string config = home + "/config/";
  create_home_tree(home);
  const auto before = read_file(config + "jetpack.ini", max_ini);
  const std::string ini = jetpack_ini(enrollment, before.value_or(""));
  if (!enrollment.authority.empty()) write_durably(config + "ca.pem", enrollment.authority, 0644);
  if (!enrollment.broker_authority.empty())
    write_durably(config + broker_authority_name, enrollment.broker_authority, 0644);
  write_durably(config + "jetpack.ini", ini, 0640);
  write_durably(config + "connection.json", connection_json(enrollment), 0640);
}

}  // namespace jetpack::support
